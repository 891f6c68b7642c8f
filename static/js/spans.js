// Spans of time, times ahead, and lists of names, in the viewer's language. Pure.

import { t } from "./catalogue.js";
import { aboutAt, millis } from "./format.js";

/** @import { Moment } from "./format.js" */

const MINUTE = 60, // seconds
  HOUR = 3600,
  DAY = 86400;

/**
 * 45 s, 4 m 10 s, 2 h 5 m, 3 d 4 h.
 * @param {number} ms
 */
export function span(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const whole = (/** @type {number} */ unit, rest = seconds) => Math.floor(rest / unit);
  if (seconds < MINUTE) return t("span.seconds", { seconds });
  if (seconds < HOUR)
    return t("span.minutes", { minutes: whole(MINUTE), seconds: seconds % MINUTE });
  if (seconds < DAY)
    return t("span.hours", { hours: whole(HOUR), minutes: whole(MINUTE, seconds % HOUR) });
  return t("span.days", { days: whole(DAY), hours: whole(HOUR, seconds % DAY) });
}

/**
 * How long ago that was.
 * @param {Moment} at
 * @param {number} now in ms
 */
export const since = (at, now) => span(now - millis(at));

/**
 * A time ahead is never a single exact one.
 * @param {Moment} low
 * @param {Moment} high
 * @param {Moment} now
 */
export function range(low, high, now = Date.now()) {
  const from = aboutAt(low, now);
  if (aboutAt(low) === aboutAt(high)) return t("time.about", { time: from });
  return t("time.range", { low: from, high: aboutAt(high, low) });
}

/**
 * When an upgrade ends, as the board says.
 * @param {NonNullable<NonNullable<Feed.Board>["ends"]>} ends
 * @param {Moment} now
 */
export function ahead({ earliest, latest, late }, now = Date.now()) {
  if (late) return t("time.after", { time: aboutAt(earliest, now) });
  return range(earliest, latest, now);
}

/**
 * "web_0, web_1 and 3 more"
 * @param {{ name: string }[]} list
 */
export function names(list, max = 2) {
  const shown = list
    .slice(0, max)
    .map(({ name }) => name)
    .join(", ");
  return list.length > max ? t("names.more", { names: shown, count: list.length - max }) : shown;
}
