// The table beside the grid: the same instances and filter, sortable, captioned, as CSV.

import { $$, html, show, word } from "./dom.js";
import { faceOf, WORST_FIRST } from "./faces.js";
import { byName, momentAt, number, zoneName } from "./format.js";
import { matches } from "./view.js";

/** @type {[string, string][]} */
const COLUMNS = [
  ["name", "Instance"],
  ["state", "State"],
  ["health", "Health"],
  ["batch", "Batch"],
  ["zone", "Zone"],
  ["version", "Image version"],
  ["health_began_at", "Health since"],
];
const MAX_ROWS = 200;

function valueOf(instance, column) {
  if (column === "state") return WORST_FIRST.indexOf(instance.state);
  if (column === "batch") return instance.batch ?? instance.planned ?? 0;
  return instance[column] ?? "";
}

export function rowsOf(instances, view) {
  const { column, falling } = view.sort;
  const compare = (a, b) =>
    byName(String(valueOf(a, column)), String(valueOf(b, column))) || a.number - b.number;
  const shown = instances.filter((one) => matches(one, view.filter, view.by));
  return shown.sort((a, b) => (falling ? -compare(a, b) : compare(a, b)));
}

/** Markup of the first MAX_ROWS of these instances. */
export function tableOf(instances, view, name, now) {
  const rows = rowsOf(instances, view),
    all = number(instances.length);
  const rest = html`<p class="small quiet">The first ${number(MAX_ROWS)} of ${number(rows.length)}. Filter, or download all as CSV.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Instances as a table"><table>
    <caption class="sr">${number(rows.length)} of ${all} instances of ${name}; times are ${zoneName()}</caption>
    <thead><tr><th scope="col"><span class="sr">Selected</span></th>${COLUMNS.map((column) => heading(column, view.sort))}</tr></thead>
    <tbody>${rows.slice(0, MAX_ROWS).map((one) => row(one, now, view.selected?.has(one.id)))}</tbody>
  </table></div>${rows.length > MAX_ROWS ? rest : ""}`;
}

function heading([code, name], sort) {
  const isHere = sort.column === code,
    direction = sort.falling ? "descending" : "ascending";
  const arrow = isHere ? (sort.falling ? " ↓" : " ↑") : "";
  const zone = code === "health_began_at" ? `, ${zoneName()}` : "";
  return html`<th scope="col" ${isHere ? html`aria-sort="${direction}"` : ""}><button type="button" class="sort"
    data-act="sort" data-key="${code}">${name}${zone}${arrow}</button></th>`;
}

const row = (one, now, isSelected = false) => html`<tr>
  <td><input type="checkbox" data-act="pick" data-key="${one.id}" aria-label="Select ${one.name}" ${isSelected ? "checked" : ""}></td>
  <th scope="row"><button type="button" class="sort" data-act="open" data-key="${one.id}">${one.name}</button></th>
  <td>${word(faceOf(one))}</td><td>${faceOf(one, "health").word}</td><td>${batchOf(one)}</td><td>${one.zone || "–"}</td>
  <td>${one.version}</td><td>${one.health_began_at ? momentAt(one.health_began_at, now) : "–"}</td></tr>`;

/** "3", "5, planned" or nothing. */
export const batchOf = ({ batch, planned }) => batch ?? (planned ? `${planned}, planned` : "–");

/** Which boxes are checked is said apart: what a person has clicked no longer follows the markup. */
export function paintTable(place, { instances, scale_set: set }, view, now) {
  show(place, tableOf(instances, view, set.name, now));
  for (const box of $$('[data-act="pick"]', place))
    box.checked = view.selected.has(box.dataset.key);
}

/** A cell that begins like a formula would be run by a spreadsheet: it gets an apostrophe. */
const cell = (value) =>
  `"${String(value)
    .replace(/^[=+\-@\t\r]/, "'$&")
    .replaceAll('"', '""')}"`;

const CSV = ["instance", "state", "health", "batch", "zone", "image_version", "health_began_at"];

export function csvOf(instances, view) {
  const lines = rowsOf(instances, view).map((one) => [
    one.name,
    one.state,
    one.health,
    one.batch ?? "",
    one.zone ?? "",
    one.version,
    one.health_began_at ?? "",
  ]);
  return [CSV, ...lines].map((line) => line.map(cell).join()).join("\r\n");
}

/** Hands the table to the viewer as a file. */
export function saveCsv({ scale_set: set, instances }, view) {
  const address = URL.createObjectURL(new Blob([csvOf(instances, view)], { type: "text/csv" }));
  Object.assign(document.createElement("a"), {
    href: address,
    download: `${set.name}.csv`,
  }).click();
  // Some browsers read it later.
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}
