// The legend, which carries the counts and is the filter; and the bar of what is selected.

import { awaitedOf, unapproved } from "./approval.js";
import { whyNotNow } from "./controls.js";
import { glyph, html, mark, show } from "./dom.js";
import { isFiltered } from "./filtering.js";
import { many, number } from "./format.js";
import { ACTS } from "./reasons.js";
import { may, off, whyNot } from "./shell.js";
import { countBy, faceOf, HEALTH, STATES } from "./state.js";

const RARE = new Set(["quarantined", "rolling-back", "switched-off"]); // not worth a place while there is none

export function legend(board, view) {
  const counts = countBy(board.instances, (one) => faceOf(one, view.by).code);
  const faces = Object.entries(view.by === "health" ? HEALTH : STATES).filter(([code]) => !RARE.has(code) || counts[code] || view.filter.states.includes(code));
  return html`${faces.map(([code, face]) => html`<button type="button" class="${counts[code] ? "" : "none"}" aria-pressed="${view.filter.states.includes(code)}" data-act="legend" data-key="${code}">${mark(face.fill, face.glyph ?? code)}${face.word} <b>${counts[code] ?? 0}</b></button>`)}`;
}

function selection(selected, board) {
  const count = selected.size;
  if (!count) return "";
  const of = (act) => [...selected].filter((id) => ACTS[act].ids(board.instances[board.places.get(id)] ?? {}, board));
  const act = may("opt_out") ? html`<button type="button" class="button" data-act="opt-out-selected">${glyph("opted-out")}Opt out…</button>` : off(html`${glyph("opted-out")}Opt out…`, whyNot("opt_out"), "no-opt-out-selected");
  return html`<div class="selection"><b>${many(count, "instance")} selected</b>${approve(selected, board)}${act}${optIn(of("opt_in"))}${release(of("release"), whyNotNow(board, "release"))}<button type="button" class="button plain" data-act="clear-selection">Clear</button></div>`;
}

/** Where upgrades are deferred. */
function approve(selected, board) {
  const version = awaitedOf(board), ids = version ? unapproved(board).filter((id) => selected.has(id)) : [];
  return version ? steering("approve", html`${glyph("play")}Approve ${ids.length ? number(ids.length) : ""}`, ids, "None of them waits for approval.", version) : "";
}

const counted = (word, ids) => (ids.length ? `${word} ${number(ids.length)}` : word);
const release = (ids, why) => steering("release", html`${glyph("done")}${counted("Release", ids)}`, why ? [] : ids, why || "None of them is in quarantine.");
const optIn = (ids) => steering("opt_in", html`${glyph("done")}${counted("Opt in", ids)}`, ids, "None of them is opted out.");

/** `ids`: those of the selection to which it can be done; `none` says why to none. */
function steering(key, label, ids, none, version = "") {
  const { right } = ACTS[key], why = may(right) ? (ids.length ? "" : none) : whyNot(right);
  return why ? off(label, why, `no-${key}-selected`) : html`<button type="button" class="button" data-act="do" data-key="${key}" data-ids="${ids.join()}" data-version="${version}">${label}</button>`;
}

/** Where it goes away under somebody's focus, the focus goes back to the grid. */
export function paintSelection(place, grid) {
  const hadFocus = place.contains(document.activeElement);
  show(place, selection(grid.selected, grid.board));
  if (hadFocus && !place.contains(document.activeElement)) grid.rove(grid.focused);
}

/** How many the filter shows, and what can be done about that. Its place is always there. */
export function matching(shown, total, view) {
  const filtered = isFiltered(view.filter), one = filtered ? `Select the ${number(shown)}` : `Select all ${number(total)}`;
  const clear = filtered ? html`<button type="button" class="link" data-act="clear-filter">Clear filter</button>` : "";
  const all = shown ? html`<button type="button" class="link" data-act="select-matching">${one}</button>` : "";
  return html`<span>${filtered ? `${number(shown)} of ${number(total)} shown` : many(total, "instance")}</span>${clear}${all}`;
}
