// The legend, which carries the counts and is the filter; and the bar of what is selected.

import { awaitedOf, unapproved } from "./approval.js";
import { glyph, html, mark, show } from "./dom.js";
import { many, number } from "./format.js";
import { may, off, whyNot } from "./shell.js";
import { countBy, faceOf, HEALTH, STATES } from "./state.js";

const RARE = new Set(["quarantined", "rolling-back", "switched-off"]); // not worth a place while there is none

export function legend(board, view) {
  const counts = countBy(board.instances, (one) => faceOf(one, view.by).code);
  const faces = Object.entries(view.by === "health" ? HEALTH : STATES).filter(([code]) => !RARE.has(code) || counts[code] || view.filter.states.includes(code));
  return html`${faces.map(([code, face]) => html`<button type="button" class="${counts[code] ? "" : "none"}" aria-pressed="${view.filter.states.includes(code)}" data-act="legend" data-key="${code}">${mark(face.fill, face.glyph ?? code)}${face.word} <b>${counts[code] ?? 0}</b></button>`)}`;
}

function selection(selected, board) {
  const count = selected.size, quarantined = [...selected].filter((id) => board.instances[board.places.get(id)]?.quarantined_at);
  if (!count) return "";
  const act = may("opt_out") ? html`<button type="button" class="button" data-act="opt-out-selected">${glyph("opted-out")}Opt out…</button>` : off(html`${glyph("opted-out")}Opt out…`, whyNot("opt_out"), "no-opt-out-selected");
  return html`<div class="selection"><b>${many(count, "instance")} selected</b>${approve(selected, board)}${act}${release(quarantined)}<button type="button" class="button plain" data-act="clear-selection">Clear</button></div>`;
}

/** Where upgrades are deferred. */
function approve(selected, board) {
  const version = awaitedOf(board), ids = version ? unapproved(board).filter((id) => selected.has(id)) : [];
  return version ? steering("approve", html`${glyph("play")}Approve ${ids.length ? number(ids.length) : ""}`, ids, "None of them waits for approval.", version) : "";
}

const release = (ids) => steering("release", html`${glyph("done")}Release from quarantine`, ids, "None of them is in quarantine.");

/** `ids`: those of the selection to which it can be done; `none` says why to none. */
function steering(key, label, ids, none, version = "") {
  const why = may("steer") ? (ids.length ? "" : none) : whyNot("steer");
  return why ? off(label, why, `no-${key}-selected`) : html`<button type="button" class="button" data-act="do" data-key="${key}" data-ids="${ids.join()}" data-version="${version}">${label}</button>`;
}

/** Where it goes away under somebody's focus, the focus goes back to the grid. */
export function paintSelection(place, grid) {
  const hadFocus = place.contains(document.activeElement);
  show(place, selection(grid.selected, grid.board));
  if (hadFocus && !place.contains(document.activeElement)) grid.rove(grid.focused);
}
