// Finding elements: by a selector, with the type that our pages have there.

/**
 * What the selectors of our pages find, where it is more than an element.
 * @typedef {HTMLElementTagNameMap & {
 *   "#confirm": HTMLDialogElement, "#opt-out": HTMLDialogElement, "#publish": HTMLDialogElement, "#sheet": HTMLDialogElement,
 *   "#stop-fleet": HTMLDialogElement, "#withdraw": HTMLDialogElement, "#find": HTMLInputElement, "#sheet input": HTMLInputElement,
 *   "#version": HTMLInputElement, "#publish select": HTMLSelectElement, "#known-locations": HTMLDataListElement,
 *   "input[name=zone]": HTMLInputElement, "time[datetime]": HTMLTimeElement, "#needs time": HTMLTimeElement,
 *   "#figures a": HTMLAnchorElement, "#result_list tbody tr": HTMLTableRowElement,
 *   'input[type="datetime-local"]': HTMLInputElement, '[data-act="pick"]': HTMLInputElement
 * }} Elements
 *
 * @typedef {{
 *   <K extends keyof Elements>(selector: K, root?: ParentNode): Elements[K],
 *   (selector: string, root?: ParentNode): HTMLElement
 * }} Select
 * @typedef {{
 *   <K extends keyof Elements>(selector: K, root?: ParentNode): Elements[K] | null,
 *   (selector: string, root?: ParentNode): HTMLElement | null
 * }} Find
 * @typedef {{
 *   <K extends keyof Elements>(selector: K, root?: ParentNode): Elements[K][],
 *   (selector: string, root?: ParentNode): HTMLElement[]
 * }} SelectAll
 */

/**
 * The first element below `root` that fits, or null.
 * @type {Find}
 */
export const find = (/** @type {string} */ selector, /** @type {ParentNode} */ root = document) =>
  /** @type {HTMLElement | null} */ (root.querySelector(selector));

/**
 * The first element below `root` that fits, which the page always has.
 * @type {Select}
 */
export const $ = (/** @type {string} */ selector, /** @type {ParentNode} */ root = document) => {
  const found = find(selector, root);
  if (!found) throw new Error(`the page has no element that fits ${selector}`);
  return found;
};

/**
 * All elements below `root` that fit.
 * @type {SelectAll}
 */
export const $$ = (/** @type {string} */ selector, /** @type {ParentNode} */ root = document) => [
  .../** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(selector)),
];

/**
 * The input of a form that has this name.
 * @param {HTMLFormElement} form
 * @param {string} name
 */
export const field = (form, name) =>
  /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
