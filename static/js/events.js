// The one listener of a page: data-act names the handler.

/**
 * What a handler of data-act is given.
 * @typedef {(element: HTMLElement, event: Event) => unknown} Handler
 */

/**
 * Where an event happened; null where that is no element, as the document is none.
 * @param {Event} event
 * @returns {HTMLElement | null}
 */
export const elementOf = (event) =>
  event.target instanceof HTMLElement || event.target instanceof SVGElement
    ? /** @type {HTMLElement} */ (event.target)
    : null;

const TYPES = ["click", "input", "change", "submit"];
const HELD = [...TYPES, "keydown"];
// What the browser would do with them is not for later: to leave the page, to search or to scroll it.
const PREVENTED = new Set(["submit", "keydown"]);

/**
 * The one delegated listener: data-act names the handler, for click, input, change and submit (data-on).
 * @param {Record<string, Handler>} acts
 */
export function listen(acts) {
  const run = (/** @type {Event} */ event) => {
    const element = /** @type {HTMLElement | null} */ (elementOf(event)?.closest("[data-act]"));
    const act = element && acts[element.dataset.act ?? ""];
    if (!act || (element.dataset.on ?? "click") !== event.type) return;
    if (event.type === "submit") event.preventDefault();
    act(element, event);
  };
  for (const type of TYPES) document.addEventListener(type, run);
}

/**
 * Holds what happens before there are handlers; `release()` has it happen again. `isOwnKey`: which keys are held.
 * @param {(event: KeyboardEvent) => boolean} isOwnKey
 * @returns {{ release: () => void }}
 */
export function holdEvents(isOwnKey) {
  /** @type {Event[]} */
  const held = [];
  const hold = (/** @type {Event} */ event) => {
    if (event instanceof KeyboardEvent ? !isOwnKey(event) : !isForHandler(event)) return;
    if (PREVENTED.has(event.type)) event.preventDefault();
    event.stopImmediatePropagation();
    held.push(event);
  };
  for (const type of HELD) document.addEventListener(type, hold, { capture: true });
  return {
    release() {
      for (const type of HELD) document.removeEventListener(type, hold, { capture: true });
      for (const event of held) repeat(event);
    },
  };
}

/**
 * Whether data-act or htmx will answer it.
 * @param {Event} event
 */
function isForHandler(event) {
  const element = elementOf(event)?.closest("[data-act], button[hx-post]");
  return element instanceof HTMLElement && (element.dataset.on ?? "click") === event.type;
}

/**
 * Only what has a handler: a click on nothing else, so that nothing is ticked twice.
 * @param {Event} event
 */
function repeat(event) {
  const Kind = /** @type {typeof MouseEvent} */ (event.constructor);
  event.target?.dispatchEvent(new Kind(event.type, event));
}

/**
 * What has just appeared takes no click for a moment: a second click, or key, is meant for what stood there before. The style sheet
 * (parts.css, fresh) keeps the pointer off; this is for keys, and for whatever else clicks. Enter in a field of the button's form is
 * meant for that form, however new it is.
 */
export function keepFreshOff() {
  document.addEventListener(
    "click",
    (event) => {
      const control = elementOf(event)?.closest(".button, .switch");
      if (!control || getComputedStyle(control).pointerEvents !== "none") return;
      if (isEnterInField(event, control)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    { capture: true },
  );
}

/**
 * Whether a click is what the browser makes of Enter in a field: nobody pointed at the button, and the focus is in an input of its form.
 * @param {Event} event
 * @param {Element} control
 */
function isEnterInField(event, control) {
  const field = document.activeElement;
  const { form } = /** @type {HTMLButtonElement} */ (control);
  return (
    /** @type {MouseEvent} */ (event).detail === 0 &&
    field instanceof HTMLInputElement &&
    Boolean(form?.contains(field))
  );
}
