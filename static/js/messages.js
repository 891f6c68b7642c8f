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

const PLURALS = new Intl.PluralRules(LOCALE);
const PERCENT = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 1 });

/** How a value of each type is written. */
const WRITTEN = {
  count: number,
  percent: (share) => PERCENT.format(share),
  instant: (at) => momentAt(at),
  instances: (ids) => rangesOf(ids).replaceAll(",", " "),
  versions: (list) => list.join(", "),
};

const read = new Map(); // template -> its nodes

/**
 * The message in pieces: texts, and those values that have no type and are no text or number, such as markup, as they are.
 * @param {string} template
 * @param {Record<string, any>} params
 * @returns {any[]}
 */
export function piecesOf(template, params = {}) {
  if (!read.has(template)) read.set(template, new Reader(template).all());
  return written(read.get(template), params);
}

/** @type {(template: string, params?: Record<string, any>) => string} */
export const format = (template, params) => piecesOf(template, params).join("");

const written = (nodes, params) =>
  nodes.flatMap((node) => (typeof node === "string" ? [node] : valueOf(node, params)));

function valueOf({ name, type, cases }, params) {
  const value = Object.hasOwn(params, name) ? params[name] : undefined;
  if (type === "plural") return written(cases[`=${value}`] ?? inPlural(cases, value), params);
  if (type === "select") return written(cases[chosen(value)] ?? cases.other, params);
  if (isNone(value)) return [];
  return [Object.hasOwn(WRITTEN, type) ? WRITTEN[type](value) : value];
}

const inPlural = (cases, value) => cases[PLURALS.select(Number(value))] ?? cases.other;
const isNone = (value) => value === undefined || value === null || value === "";
const chosen = (value) => (isNone(value) || value.length === 0 ? "none" : String(value));

/** Reads a template; `counted` is the value that # stands for. */
class Reader {
  constructor(text) {
    this.text = text;
    this.place = 0;
  }

  all(counted = "") {
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

  sharp(name) {
    this.place += 1;
    return { name, type: "count" };
  }

  /** One character, or what stands between two apostrophes that begin with a brace. */
  literal() {
    const quoted = /'(?:'|([{}#][^']*)'?)/y;
    quoted.lastIndex = this.place;
    const found = quoted.exec(this.text);
    this.place += found ? found[0].length : 1;
    return found ? (found[1] ?? "'") : this.text[this.place - 1];
  }

  argument(counted) {
    const head = this.take(/\{\s*(\w+)\s*(?:,\s*(\w+)\s*)?,?/y);
    const [, name, type = "text"] = head;
    const cases = {};
    while (this.text[this.place] !== "}") {
      const [, word] = this.take(/\s*(=?\w[\w-]*)\s*\{/y);
      cases[word] = this.all(type === "plural" ? name : counted);
      this.take(/\}\s*/y);
    }
    this.place += 1;
    return { name, type, cases };
  }

  take(pattern) {
    pattern.lastIndex = this.place;
    const found = pattern.exec(this.text);
    if (!found) throw new Error(`at ${this.place} of the template "${this.text}": not understood`);
    this.place += found[0].length;
    return found;
  }
}
