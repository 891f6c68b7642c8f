// What the address of a wall asks for (docs/wallboards.md). What it does not understand it says, and does without. Pure.

import { t } from "./catalogue.js";
import "./texts-wall.js";

/**
 * `sets`: null for all; `fit`: percent of the screen that is used; `rotate`: seconds for each scale set, 0 for never.
 * @typedef {{ sets: string[] | null, fit: number, rotate: number, theme: string, clock: string, lang: string }} Options
 *
 * A value of an option as it is in the address, in its own type; undefined where it cannot be one.
 * @typedef {(text: string) => string[] | string | number | undefined} Read
 */

const SET = /^[^/\s,]+\/[^/\s,]+$/;
const MIN_SECONDS = 5,
  MAX_SECONDS = 3600;
const MIN_FIT = 80,
  MAX_FIT = 100;
/** What an option may be, where that is one of a few words. */
const THEMES = ["dark", "light", "auto"],
  CLOCKS = ["seconds", "minutes", "off"];

/** @type {Options} */
const DEFAULTS = { sets: null, fit: 100, rotate: 20, theme: "dark", clock: "seconds", lang: "en" };

/**
 * @param {string[]} words
 * @returns {Read}
 */
const oneOf = (words) => (text) => (words.includes(text) ? text : undefined);

/**
 * @param {number} low
 * @param {number} high
 * @param {string} [off] stands for 0
 * @returns {Read}
 */
const between = (low, high, off) => (text) => {
  if (off && text === off) return 0;
  const value = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  return value >= low && value <= high ? value : undefined;
};

/** @type {Read} */
function setsIn(text) {
  const keys = text.toLowerCase().split(",").filter(Boolean);
  return keys.length && keys.every((key) => SET.test(key)) ? keys : undefined;
}

/**
 * Each option: how it is read, and what it may be.
 * @param {string[]} languages
 * @returns {Record<string, { read: Read, may: string }>}
 */
const optionsWith = (languages) => ({
  sets: { read: setsIn, may: "group/name,group/name" },
  fit: { read: between(MIN_FIT, MAX_FIT), may: `${MIN_FIT}–${MAX_FIT}` },
  rotate: {
    read: between(MIN_SECONDS, MAX_SECONDS, "off"),
    may: [`${MIN_SECONDS}–${MAX_SECONDS}`, "off"].join(", "),
  },
  theme: { read: oneOf(THEMES), may: THEMES.join(", ") },
  clock: { read: oneOf(CLOCKS), may: CLOCKS.join(", ") },
  lang: { read: oneOf(languages), may: languages.join(", ") },
});

/**
 * The options of an address, and a sentence for each that is not understood.
 * @param {string} query
 * @param {string[]} languages
 * @returns {{ options: Options, problems: string[] }}
 */
export function optionsIn(query, languages = ["en"]) {
  const known = optionsWith(languages);
  /** @type {Record<string, ReturnType<Read>>} */
  const found = {};
  /** @type {string[]} */
  const problems = [];
  for (const [name, text] of new URLSearchParams(query)) {
    const option = Object.hasOwn(known, name) ? known[name] : undefined;
    const value = option?.read(text);
    if (value !== undefined) found[name] = value;
    else if (option)
      problems.push(t("wall.bad_value", { name, value: shown(text), may: option.may }));
    else
      problems.push(t("wall.no_option", { name: shown(name), may: Object.keys(known).join(", ") }));
  }
  return { options: /** @type {Options} */ ({ ...DEFAULTS, ...found }), problems };
}

const MAX_SHOWN = 40;
/** @param {string} text */
const shown = (text) => (text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
