// Durations that grow while nothing else changes: only their text is written, so that what stands beside them keeps its focus.

import { $$, html } from "./dom.js";
import { millis, span } from "./format.js";

/** Markup of the time since then; `tick` fills it in. */
export const elapsed = (at) => html`<span class="nowrap" data-since="${millis(at)}"></span>`;

/** Writes all of them anew; `now` in ms by the server's clock. */
export function tick(now) {
  for (const place of $$("[data-since]")) {
    const text = span(now - Number(place.dataset.since));
    if (place.textContent !== text) place.textContent = text;
  }
}
