// The legend, which carries the counts and is the filter; and the bar of what is selected.

import { awaitedOf } from "./approval.js";
import { whyNotNow } from "./controls.js";
import { glyph, html, mark, show } from "./dom.js";
import { HEALTH, STATES } from "./faces.js";
import { isFiltered } from "./filtering.js";
import { many, number } from "./format.js";
import { ACTS } from "./reasons.js";
import { may, off, whyNot } from "./shell.js";
import { isIn } from "./view.js";

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

export function legend({ instances }, view) {
  const faces = Object.entries(view.by === "health" ? HEALTH : STATES);
  const told = faces.map(([code, face]) => ({
    code,
    ...face,
    count: instances.filter((one) => isIn(one, code, view.by)).length,
  }));
  const shown = told.filter(
    ({ code, count }) => !RARE.has(code) || count || view.filter.states.includes(code),
  );
  return html`${shown.map((one) => entry(one, view.filter.states.includes(one.code)))}`;
}

const entry = ({ code, word, fill, glyph: name = code, count }, isPressed) =>
  html`<button type="button" class="${count ? "" : "none"}" aria-pressed="${isPressed}" data-act="legend"
    data-key="${code}">${mark(fill, name)}${word} <b>${number(count)}</b></button>`;

function selection(selected, board) {
  if (!selected.size) return "";
  const chosen = [...selected].map((id) => board.instances[board.places.get(id)]).filter(Boolean);
  const of = (act) => chosen.filter(ACTS[act].ids).map((one) => one.id);
  const clear = html`<button type="button" class="button plain" data-act="clear-selection">Clear</button>`;
  return html`<div class="selection"><b>${many(selected.size, "instance")} selected</b>
    ${approve(of("approve"), awaitedOf(board))}${optOut()}${optIn(of("opt_in"))}${release(of("release"), whyNotNow(board, "release"))}${clear}</div>`;
}

function optOut() {
  const label = html`${glyph("opted-out")}Opt out…`;
  if (!may("opt_out")) return off(label, whyNot("opt_out"), "no-opt-out-selected");
  return html`<button type="button" class="button" data-act="opt-out-selected">${label}</button>`;
}

/** Where upgrades are deferred. */
function approve(ids, version) {
  if (!version) return "";
  return steering(
    "approve",
    html`${glyph("play")}${counted("Approve", ids)}`,
    ids,
    "None of them is waiting for approval.",
    version,
  );
}

const counted = (word, ids) => (ids.length ? `${word} ${number(ids.length)}` : word);

function release(ids, why) {
  const label = html`${glyph("done")}${counted("Release", ids)}`;
  return steering("release", label, why ? [] : ids, why || "None of them is in quarantine.");
}

function optIn(ids) {
  return steering(
    "opt_in",
    html`${glyph("done")}${counted("Opt in", ids)}`,
    ids,
    "None of them is opted out.",
  );
}

/** `ids`: those of the selection to which it can be done; `none` says why to none. */
function steering(key, label, ids, none, version = "") {
  const { right } = ACTS[key],
    why = may(right) ? (ids.length ? "" : none) : whyNot(right);
  if (why) return off(label, why, `no-${key}-selected`);
  return html`<button type="button" class="button" data-act="do" data-key="${key}" data-ids="${ids.join()}"
    data-version="${version}">${label}</button>`;
}

/** Where it goes away under somebody's focus, the focus goes back to the grid. */
export function paintSelection(place, grid) {
  const hadFocus = place.contains(document.activeElement);
  show(place, selection(grid.selected, grid.board));
  if (hadFocus && !place.contains(document.activeElement)) grid.rove(grid.focused);
}

/** How many the filter shows, and what can be done about that. Its place is always there. */
export function matching(shown, total, view) {
  const filtered = isFiltered(view.filter),
    one = filtered ? `Select the ${number(shown)}` : `Select all ${number(total)}`;
  const clear = filtered
    ? html`<button type="button" class="link" data-act="clear-filter">Clear filter</button>`
    : "";
  const all = shown
    ? html`<button type="button" class="link" data-act="select-matching">${one}</button>`
    : "";
  return html`<span>${filtered ? `${number(shown)} of ${number(total)} shown` : many(total, "instance")}</span>${clear}${all}`;
}
