// The legend, which carries the counts and is the filter; and the bar of what is selected.

import { glyph, html, mark, show } from "./dom.js";
import { many } from "./format.js";
import { may, off, whyNot } from "./shell.js";
import { countBy, faceOf, HEALTH, STATES } from "./state.js";

const RARE = new Set(["quarantined", "rolling-back", "switched-off"]); // not worth a place while there is none

export function legend(board, view) {
  const counts = countBy(board.instances, (one) => faceOf(one, view.by).code);
  const faces = Object.entries(view.by === "health" ? HEALTH : STATES).filter(([code]) => !RARE.has(code) || counts[code] || view.filter.states.includes(code));
  return html`${faces.map(([code, face]) => html`<button type="button" class="${counts[code] ? "" : "none"}" aria-pressed="${view.filter.states.includes(code)}" data-act="legend" data-key="${code}">${mark(face.fill, face.glyph ?? code)}${face.word} <b>${counts[code] ?? 0}</b></button>`)}`;
}

function selection(count, ids) {
  if (!count) return "";
  const act = may("opt_out") ? html`<button type="button" class="button" data-act="opt-out-selected">${glyph("opted-out")}Opt out…</button>` : off(html`${glyph("opted-out")}Opt out…`, whyNot("opt_out"), "no-opt-out-selected");
  return html`<div class="selection"><b>${many(count, "instance")} selected</b>${act}${release(ids)}<button type="button" class="button plain" data-act="clear-selection">Clear</button></div>`;
}

/** `ids`: those of the selection that are in quarantine. */
function release(ids) {
  const label = html`${glyph("done")}Release from quarantine`;
  const why = may("steer") ? (ids.length ? "" : "None of them is in quarantine.") : whyNot("steer");
  return why ? off(label, why, "no-release-selected") : html`<button type="button" class="button" data-act="do" data-key="release" data-ids="${ids.join()}">${label}</button>`;
}

/** Where it goes away under somebody's focus, the focus goes back to the grid. */
export function paintSelection(place, grid) {
  const hadFocus = place.contains(document.activeElement);
  const quarantined = [...grid.selected].filter((id) => grid.board.instances[grid.board.places.get(id)]?.quarantined_at);
  show(place, selection(grid.selected.size, quarantined));
  if (hadFocus && !place.contains(document.activeElement)) grid.rove(grid.focused);
}
