// The bar of what is selected, and what can be done to it.

import { awaitedOf } from "./approval.js";
import { instancesOf } from "./board.js";
import { t } from "./catalogue.js";
import { whyNotNow } from "./controls.js";
import { glyph, html, show } from "./dom.js";
import { number } from "./format.js";
import { ACTS } from "./reasons.js";
import { may, off, whyNot } from "./rights.js";
import "./texts-panel.js";

/**
 * @import { Board } from "./board.js"
 * @import { Grid } from "./grid.js"
 * @import { Markup } from "./markup.js"
 */

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
