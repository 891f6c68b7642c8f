// Durations that grow, and those that shrink, while nothing else changes: only their text is written, so that what stands beside them keeps its focus.

import { $$, html, write } from "./dom.js";
import { millis } from "./format.js";
import { span } from "./spans.js";

/** @import { Moment } from "./format.js" */

/**
 * Markup of the time since then; `tick` fills it in.
 * @param {Moment} at
 */
export const elapsed = (at) => html`<span class="nowrap" data-since="${millis(at)}"></span>`;

/**
 * Markup of the time until then.
 * @param {Moment} at
 */
export const remaining = (at) => html`<span class="nowrap" data-until="${millis(at)}"></span>`;

/**
 * Writes all of them anew; `now` in ms by the server's clock.
 * @param {number} now
 */
export function tick(now) {
  for (const place of $$("[data-since]")) write(place, span(now - Number(place.dataset.since)));
  for (const place of $$("[data-until]")) write(place, span(Number(place.dataset.until) - now));
}
