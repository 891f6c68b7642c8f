// The legend, which carries the counts and is the filter, and how many it shows.

import { t } from "./catalogue.js";
import { html, mark } from "./dom.js";
import { HEALTH, STATES } from "./faces.js";
import { isFiltered } from "./filtering.js";
import { number } from "./format.js";
import { isIn } from "./view.js";

/**
 * @import { Board } from "./board.js"
 * @import { Face } from "./faces.js"
 * @import { View } from "./view.js"
 */

/** Not worth a place while there is none. */
const RARE = new Set([
  "missing",
  "quarantined",
  "rolling-back",
  "creating",
  "deleting",
  "switched-off",
  "unseen",
]);

/**
 * @param {Board} board
 * @param {View} view
 */
export function legend({ instances }, view) {
  const faces = Object.entries(view.by === "health" ? HEALTH : STATES);
  const entries = faces.map(([code, face]) => ({
    code,
    ...face,
    count: instances.filter((instance) => isIn(instance, code, view.by)).length,
  }));
  const shown = entries.filter(
    ({ code, count }) => !RARE.has(code) || count || view.filter.states.includes(code),
  );
  const digits = number(instances.length).length;
  return html`${shown.map((face) => entry(face, view.filter.states.includes(face.code), digits))}`;
}

/**
 * Each count has the room of the largest, so that nothing beside it moves when it changes.
 * @param {Omit<Face, "glyph"> & { glyph?: string, count: number }} face
 * @param {boolean} isPressed
 * @param {number} digits
 */
const entry = ({ code, word, fill, glyph: name = code, count }, isPressed, digits) =>
  html`<button type="button" class="${count ? "" : "none"}" aria-pressed="${isPressed}" data-act="legend"
    data-key="${code}">${mark(fill, name)}${word} <b data-vars="digits:${digits}">${number(count)}</b></button>`;

/**
 * How many the filter shows, and what can be done about that. Its place is always there.
 * @param {number} shown
 * @param {number} total
 * @param {View} view
 */
export function matching(shown, total, view) {
  const filtered = isFiltered(view.filter),
    label = filtered
      ? t("filter.select", { count: shown })
      : t("filter.select_all", { count: total });
  const clear = filtered
    ? html`<button type="button" class="link" data-act="clear-filter">${t("filter.clear")}</button>`
    : "";
  const all = shown
    ? html`<button type="button" class="link" data-act="select-matching">${label}</button>`
    : "";
  return html`<span>${filtered ? t("filter.shown", { shown, total }) : t("filter.total", { count: total })}</span>${clear}${all}`;
}

/**
 * What stands where there are no cells.
 * @param {Board} board
 */
export function empty({ scale_set: { capacity } }) {
  const why = capacity ? t("empty.creating") : t("empty.capacity_0");
  return html`<div class="empty"><p>${why}</p></div>`;
}
