// The legend, which carries the counts and is the filter; and the bar of what is selected.

import { awaitedOf } from "./approval.js";
import { instancesOf } from "./board.js";
import { t } from "./catalogue.js";
import { whyNotNow } from "./controls.js";
import { glyph, html, mark, show } from "./dom.js";
import { HEALTH, STATES } from "./faces.js";
import { isFiltered } from "./filtering.js";
import { number } from "./format.js";
import { ACTS } from "./reasons.js";
import { may, off, whyNot } from "./shell.js";
import { isIn } from "./view.js";

/**
 * @import { Board } from "./board.js"
 * @import { Face } from "./faces.js"
 * @import { Grid } from "./grid.js"
 * @import { Markup } from "./markup.js"
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
 * @param {Set<string>} selected
 * @param {Board | null} board
 */
function selection(selected, board) {
  if (!selected.size || !board) return "";
  const chosen = instancesOf(board, selected);
  const of = (/** @type {string} */ act) => chosen.filter(ACTS[act].ids ?? all).map(({ id }) => id);
  const clear = html`<button type="button" class="button plain" data-act="clear-selection">${t("selection.clear")}</button>`;
  return html`<div class="selection"><b>${t("selection.selected", { count: selected.size })}</b>
    ${approve(of("approve"), awaitedOf(board))}${optOut()}${optIn(of("opt_in"))}${release(of("release"), whyNotNow(board, "release"))}${clear}</div>`;
}

const all = () => true;

function optOut() {
  const label = html`${glyph("opted-out")}${t("selection.opt_out")}`;
  if (!may("opt_out")) return off(label, whyNot("opt_out"), "no-opt-out-selected");
  return html`<button type="button" class="button" data-act="opt-out-selected">${label}</button>`;
}

/**
 * Where upgrades are deferred.
 * @param {string[]} ids
 * @param {string} version
 */
function approve(ids, version) {
  if (!version) return "";
  return steering(
    "approve",
    html`${glyph("play")}${withCount(t("selection.approve"), ids)}`,
    ids,
    t("selection.none_waiting"),
    version,
  );
}

/**
 * @param {string} word
 * @param {string[]} ids
 */
const withCount = (word, ids) => (ids.length ? `${word} ${number(ids.length)}` : word);

/**
 * @param {string[]} ids
 * @param {string} why
 */
function release(ids, why) {
  const label = html`${glyph("done")}${withCount(t("selection.release"), ids)}`;
  return steering("release", label, why ? [] : ids, why || t("selection.none_quarantined"));
}

/** @param {string[]} ids */
function optIn(ids) {
  return steering(
    "opt_in",
    html`${glyph("done")}${withCount(t("selection.opt_in"), ids)}`,
    ids,
    t("selection.none_opted_out"),
  );
}

/**
 * `ids`: those of the selection to which it can be done; `none` says why to none.
 * @param {string} key
 * @param {Markup} label
 * @param {string[]} ids
 * @param {string} none
 * @param {string} version
 */
function steering(key, label, ids, none, version = "") {
  const { right } = ACTS[key],
    why = may(right) ? (ids.length ? "" : none) : whyNot(right);
  if (why) return off(label, why, `no-${key}-selected`);
  return html`<button type="button" class="button" data-act="do" data-key="${key}" data-ids="${ids.join()}"
    data-version="${version}">${label}</button>`;
}

/**
 * Where it goes away under somebody's focus, the focus goes back to the grid.
 * @param {HTMLElement} place
 * @param {Grid} grid
 */
export function paintSelection(place, grid) {
  const hadFocus = place.contains(document.activeElement);
  show(place, selection(grid.selected, grid.board));
  if (hadFocus && !place.contains(document.activeElement)) grid.rove(grid.focused);
}

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
