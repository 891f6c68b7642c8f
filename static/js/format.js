// Numbers and times as people read them. Pure. Times are in the viewer's zone, which stands once in each view.

import { LOCALE } from "./locale.js";

/**
 * A moment: ISO 8601 text, milliseconds, or null where there is none (shown as 1970: ask first).
 * @typedef {string | number | Date | null} Moment
 */

const clock = (/** @type {Intl.DateTimeFormatOptions} */ options) =>
  new Intl.DateTimeFormat(LOCALE, {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    ...options,
  });
const SHORT = clock({}),
  LONG = clock({ second: "2-digit" });
// Days as the terminal, the logs and the sentences of the server write them: 2018-09-25.
const DAY = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short" });
const ZONE = new Intl.DateTimeFormat(LOCALE, { timeZoneName: "short" });

/**
 * A moment in milliseconds.
 * @param {Moment} at
 */
export const millis = (at) => (typeof at === "string" ? Date.parse(at) : Number(at));

/** @param {Moment} at */
export const timeAt = (at) => SHORT.format(millis(at));

/** @param {Moment} at */
export const exactTimeAt = (at) => LONG.format(millis(at));

/** @param {Moment} at */
export const dayAt = (at) => DAY.format(millis(at));

/**
 * The name of the viewer's zone at that moment: summer time has another one.
 * @param {Moment} at
 */
export function zoneName(at = Date.now()) {
  return ZONE.formatToParts(millis(at)).find((part) => part.type === "timeZoneName")?.value ?? "";
}

/**
 * To the second, with its day: 2018-09-25 12:04:05.
 * @param {Moment} at
 */
export const fullMomentAt = (at) => `${dayAt(at)} ${exactTimeAt(at)}`;

/**
 * The same; for today the time alone.
 * @param {Moment} at
 * @param {Moment} now
 */
export const momentAt = (at, now = Date.now()) =>
  dayAt(at) === dayAt(now) ? exactTimeAt(at) : fullMomentAt(at);

/**
 * To the minute, where there is little room or nobody knows better.
 * @param {Moment} at
 * @param {Moment} now
 */
export function aboutAt(at, now = Date.now()) {
  return dayAt(at) === dayAt(now) ? timeAt(at) : `${dayAt(at)} ${timeAt(at)}`;
}

// Made once: making it took longer than all the rest of a paint.
const DIGITS = new Intl.NumberFormat(LOCALE);

/**
 * Grouped from five digits on: the sentences of the server, which know no more than 1000 instances, look the same.
 * @param {number} n
 */
export const number = (n) => (n < 10_000 ? String(n) : DIGITS.format(n).replaceAll(",", "\u202f"));

/** @param {number} percent */
export const percentText = (percent) => {
  const isWhole = percent === 0 || percent >= 99.95 || Number.isInteger(percent);
  return `${isWhole ? Math.round(percent) : percent.toFixed(1)}\u00a0%`;
};

/** The order of names: web-2 stands before web-10. */
export const byName = new Intl.Collator("en", { numeric: true }).compare;
