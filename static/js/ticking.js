// Durations that grow, and those that shrink, while nothing else changes: only their text is written, so that what stands beside them keeps its focus.

import { $$, html } from "./dom.js";
import { millis, span } from "./format.js";

/** Markup of the time since then; `tick` fills it in. */
export const elapsed = (at) => html`<span class="nowrap" data-since="${millis(at)}"></span>`;

/** Markup of the time until then. */
export const remaining = (at) => html`<span class="nowrap" data-until="${millis(at)}"></span>`;

/** Writes all of them anew; `now` in ms by the server's clock. */
export function tick(now) {
  for (const place of $$("[data-since]")) write(place, span(now - Number(place.dataset.since)));
  for (const place of $$("[data-until]")) write(place, span(Number(place.dataset.until) - now));
}

function write(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
