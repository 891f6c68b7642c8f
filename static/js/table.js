// The table twin: the same instances and filter as the grid, sortable, captioned, as CSV.

import { $$, html, show, word } from "./dom.js";
import { exactMomentAt, zoneName } from "./format.js";
import { faceOf, WORST_FIRST } from "./state.js";
import { matches } from "./view.js";

const COLUMNS = [["name", "Instance"], ["state", "State"], ["health", "Health"], ["batch", "Batch"], ["zone", "Zone"], ["version", "Image version"], ["health_began_at", "Health since"]];
const MOST_ROWS = 200;
const order = new Intl.Collator("en", { numeric: true });

function valueOf(instance, column) {
  if (column === "state") return WORST_FIRST.indexOf(instance.state);
  if (column === "batch") return instance.batch ?? instance.planned ?? 0;
  return instance[column] ?? "";
}

export function rowsOf(instances, view) {
  const { column, falling } = view.sort;
  const compare = (a, b) => order.compare(String(valueOf(a, column)), String(valueOf(b, column))) || a.number - b.number;
  return instances.filter((one) => matches(one, view.filter, view.by)).sort((a, b) => (falling ? -compare(a, b) : compare(a, b)));
}

export function tableOf(instances, view, name, now) {
  const rows = rowsOf(instances, view);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Instances as a table"><table>
    <caption class="sr">${rows.length} of ${instances.length} instances of ${name}; times are ${zoneName()}</caption>
    <thead><tr><th scope="col"><span class="sr">Selected</span></th>${COLUMNS.map((column) => heading(column, view.sort))}</tr></thead>
    <tbody>${rows.slice(0, MOST_ROWS).map((one) => row(one, now, view.selected?.has(one.id)))}</tbody>
  </table></div>${rows.length > MOST_ROWS ? html`<p class="small quiet">The first ${MOST_ROWS} of ${rows.length}. Filter, or take all as CSV.</p>` : ""}`;
}

function heading([code, name], sort) {
  const here = sort.column === code;
  return html`<th scope="col" ${here ? html`aria-sort="${sort.falling ? "descending" : "ascending"}"` : ""}><button type="button" class="sort" data-act="sort" data-key="${code}">${name}${here ? (sort.falling ? " ↓" : " ↑") : ""}</button></th>`;
}

const row = (one, now, isSelected = false) => html`<tr><td><input type="checkbox" data-act="pick" data-key="${one.id}" aria-label="Select ${one.name}" ${isSelected ? "checked" : ""}></td><th scope="row"><button type="button" class="sort" data-act="open" data-key="${one.id}">${one.name}</button></th>
  <td>${word(faceOf(one))}</td><td>${faceOf(one, "health").word}</td><td>${one.batch ?? (one.planned ? `${one.planned}, planned` : "–")}</td><td>${one.zone || "–"}</td><td>${one.version}</td><td>${one.health_began_at ? exactMomentAt(one.health_began_at, now) : "–"}</td></tr>`;

/** Which boxes are checked is said apart: what a person has clicked no longer follows the markup. */
export function paintTable(place, { instances, scale_set: set }, view, now) {
  show(place, tableOf(instances, view, set.name, now));
  for (const box of $$('[data-act="pick"]', place)) box.checked = view.selected.has(box.dataset.key);
}

/** A cell that begins like a formula would be run by a spreadsheet: it gets an apostrophe. */
const cell = (value) => `"${String(value).replace(/^[=+\-@\t\r]/, "'$&").replaceAll('"', '""')}"`;

export function csvOf(instances, view) {
  const lines = rowsOf(instances, view).map((one) => [one.name, one.state, one.health, one.batch ?? "", one.zone ?? "", one.version, one.health_began_at ?? ""]);
  return [["instance", "state", "health", "batch", "zone", "image_version", "since"], ...lines].map((line) => line.map(cell).join()).join("\r\n");
}

/** Hands the table to the viewer as a file. */
export function saveCsv({ scale_set: set, instances }, view) {
  const address = URL.createObjectURL(new Blob([csvOf(instances, view)], { type: "text/csv" }));
  Object.assign(document.createElement("a"), { href: address, download: `${set.name}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000); // some browsers read it later
}
