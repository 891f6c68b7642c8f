// Templates of messages: a part of ICU's MessageFormat, the same as upgrades/core/templates.py reads. Pure.
//
//   {by}                                              a value
//   {until, instant}                                  a value of a type: count, percent, instant, instances, version, versions, text
//   {count, plural, =0 {none} one {# instance} other {# instances}}
//   {until, select, none {} other { until {until, instant}}}
//
// `select` chooses by the value itself: "none" where there is no value, "true" or "false" of a flag. '{' is a brace, '' an apostrophe
// before a brace.

import { momentAt, number } from "./format.js";
import { LOCALE } from "./locale.js";
import { rangesOf } from "./ranges.js";

/**
 * @import { Piece } from "./markup.js"
 *
 * The value of a place in a template.
 * @typedef {Piece | readonly (string | number)[]} Value
 * @typedef {Record<string, Value>} Params
 *
 * A place, with what is written in each of its cases.
 * @typedef {{ name: string, type: string, cases: Record<string, Node[]> }} Place
 * @typedef {string | Place} Node
 */

const PLURALS = new Intl.PluralRules(LOCALE);
const PERCENT = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 1 });

/**
 * How a value of each type is written.
 * @type {Record<string, (value: Value) => string>}
 */
const WRITTEN = {
  count: (count) => number(Number(count)),
  percent: (share) => PERCENT.format(Number(share)),
  instant: (at) => momentAt(String(at)),
  instances: (ids) => rangesOf(listIn(ids)).replaceAll(",", " "),
  versions: (list) => listIn(list).join(", "),
};

/** @param {Value} value */
const listIn = (value) => (Array.isArray(value) ? value : []);

/** The nodes of each template that was read. @type {Map<string, Node[]>} */
const read = new Map();

/**
 * The message in pieces: texts, and those values that have no type and are no text or number, such as markup, as they are.
 * @param {string} template
 * @param {Params} params
 * @returns {Piece[]}
 */
export function piecesOf(template, params = {}) {
  const nodes = read.get(template) ?? new Reader(template).all();
  read.set(template, nodes);
  return written(nodes, params);
}

/** @type {(template: string, params?: Params) => string} */
export const format = (template, params) => piecesOf(template, params).join("");

/**
 * @param {Node[]} nodes
 * @param {Params} params
 * @returns {Piece[]}
 */
const written = (nodes, params) =>
  nodes.flatMap((node) => (typeof node === "string" ? [node] : valueOf(node, params)));

/**
 * @param {Place} place
 * @param {Params} params
 * @returns {Piece[]}
 */
function valueOf({ name, type, cases }, params) {
  const value = Object.hasOwn(params, name) ? params[name] : undefined;
  if (type === "plural") return written(cases[`=${value}`] ?? inPlural(cases, value), params);
  if (type === "select") return written(cases[chosen(value)] ?? cases.other, params);
  if (isNone(value)) return [];
  return [Object.hasOwn(WRITTEN, type) ? WRITTEN[type](value) : /** @type {Piece} */ (value)];
}

/**
 * @param {Place["cases"]} cases
 * @param {Value} value
 */
const inPlural = (cases, value) => cases[PLURALS.select(Number(value))] ?? cases.other;

/**
 * @param {Value} value
 * @returns {value is undefined | null | ""}
 */
const isNone = (value) => value === undefined || value === null || value === "";

/** @param {Value} value */
const chosen = (value) =>
  isNone(value) || (Array.isArray(value) && !value.length) ? "none" : String(value);

/** Reads a template; `counted` is the value that # stands for. */
class Reader {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    this.place = 0;
  }

  /** @returns {Node[]} */
  all(counted = "") {
    /** @type {Node[]} */
    const nodes = [];
    let plain = "";
    while (this.place < this.text.length && this.text[this.place] !== "}") {
      const sign = this.text[this.place];
      if (sign !== "{" && !(sign === "#" && counted)) {
        plain += this.literal();
        continue;
      }
      nodes.push(plain, sign === "{" ? this.argument(counted) : this.sharp(counted));
      plain = "";
    }
    return [...nodes, plain].filter((node) => node !== "");
  }

  /**
   * @param {string} name
   * @returns {Place}
   */
  sharp(name) {
    this.place += 1;
    return { name, type: "count", cases: {} };
  }

  /** One character, or what stands between two apostrophes that begin with a brace. */
  literal() {
    const quoted = /'(?:'|([{}#][^']*)'?)/y;
    quoted.lastIndex = this.place;
    const found = quoted.exec(this.text);
    this.place += found ? found[0].length : 1;
    return found ? (found[1] ?? "'") : this.text[this.place - 1];
  }

  /**
   * @param {string} counted
   * @returns {Place}
   */
  argument(counted) {
    const head = this.take(/\{\s*(\w+)\s*(?:,\s*(\w+)\s*)?,?/y);
    const [, name, type = "text"] = head;
    /** @type {Place["cases"]} */
    const cases = {};
    while (this.text[this.place] !== "}") {
      const [, word] = this.take(/\s*(=?\w[\w-]*)\s*\{/y);
      cases[word] = this.all(type === "plural" ? name : counted);
      this.take(/\}\s*/y);
    }
    this.place += 1;
    return { name, type, cases };
  }

  /** @param {RegExp} pattern */
  take(pattern) {
    pattern.lastIndex = this.place;
    const found = pattern.exec(this.text);
    if (!found) throw new Error(`at ${this.place} of the template "${this.text}": not understood`);
    this.place += found[0].length;
    return found;
  }
}
