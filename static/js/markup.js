// Markup as text: what is put into it is escaped, unless it is markup itself. Pure.

/**
 * What stands in a page where markup says `${...}`: text is escaped, markup is not, lists are put one after the other.
 * @typedef {Markup | string | number | boolean | null | undefined} Piece
 * @typedef {Piece | Piece[]} Content
 *
 * How something is marked: one of the six fills, and the name of its sign.
 * @typedef {{ fill: string, glyph: string }} Mark
 */

/** @type {Record<string, string>} */
const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** @param {string | number | boolean} value */
const escape = (value) => String(value).replace(/[&<>"']/g, (character) => ESCAPES[character]);

/** Text that is markup already, and is not escaped again. */
export class Markup {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }

  toString() {
    return this.text;
  }
}

/**
 * The text of a value within markup.
 * @param {Content} value
 * @returns {string}
 */
function textOf(value) {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(textOf).join("");
  return value === undefined || value === null ? "" : escape(value);
}

/**
 * html`<b>${name}</b>`: values are escaped unless they are html`` themselves; false prints "false", as ARIA wants it.
 * @param {TemplateStringsArray} parts
 * @param {Content[]} values
 */
export const html = (parts, ...values) =>
  new Markup(parts.reduce((all, part, i) => all + textOf(values[i - 1]) + part));

const SPRITE = globalThis.document?.documentElement.dataset.glyphs ?? "";

/** @param {string} name */
export const glyphAddress = (name) => `${SPRITE}#g-${name}`;

/** @param {string} name */
export const glyph = (name) =>
  html`<svg class="g" aria-hidden="true"><use href="${glyphAddress(name)}"/></svg>`;

/**
 * The state mark: a filled square with its glyph. The word always stands beside it.
 * @param {string} fill
 * @param {string} name
 */
export const mark = (fill, name) =>
  html`<span class="mark" data-fill="${fill}">${glyph(name)}</span>`;

/** @param {Mark & { word: string }} face */
export const word = (face) =>
  html`<span class="state">${mark(face.fill, face.glyph)}${face.word}</span>`;
