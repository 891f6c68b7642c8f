// The texts of the pages in the viewer's language: a message by its key and its values.
//
// English is in texts.js. Another language comes with the page as JSON, {key: template}, with the sentences of the engine in it too
// (docs/texts.md). What it does not have is said in English.

import { format, piecesOf } from "./messages.js";
import { TEXTS } from "./texts.js";

/**
 * @import { Params } from "./messages.js"
 * @import { Piece } from "./markup.js"
 */

/** @type {Record<string, string>} */
const words = JSON.parse(globalThis.document?.getElementById?.("texts")?.textContent ?? "{}");
/** Keys that nobody knows, each said once. @type {Set<string>} */
const missed = new Set();

/**
 * The template of a message in the viewer's language, else `english`; undefined where there is none.
 * @template {string | undefined} [English=undefined]
 * @param {string} key
 * @param {English} [english]
 * @returns {string | English}
 */
export function templateOf(key, english) {
  if (Object.hasOwn(words, key)) return words[key];
  const known = english ?? (Object.hasOwn(TEXTS, key) ? TEXTS[key] : undefined);
  return /** @type {string | English} */ (known);
}

/**
 * The message as a text. `params`: its values by name; times are ISO 8601 texts.
 * @type {(key: string, params?: Params) => string}
 */
export const t = (key, params) => format(known(key), params);

/**
 * The same in pieces, for html``: values that are markup stay markup.
 * @type {(key: string, params?: Params) => Piece[]}
 */
export const tPieces = (key, params) => piecesOf(known(key), params);

/** @param {string} key */
function known(key) {
  const template = templateOf(key);
  if (template !== undefined) return template;
  if (!missed.has(key)) console.warn(`No text has the key "${key}".`);
  missed.add(key);
  return key.replace(/[{}]/g, "");
}
