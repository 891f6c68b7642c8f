// The table beside the grid: the same instances and filter, sortable, captioned, as CSV.

import { t } from "./catalogue.js";
import { $$, html, show, word } from "./dom.js";
import { faceOf, WORST_FIRST } from "./faces.js";
import { byName, momentAt, zoneName } from "./format.js";
import { matches } from "./view.js";
import "./texts-panel.js";

/**
 * @import { Board, Instance } from "./board.js"
 * @import { View } from "./view.js"
 */

/** @type {[string, string][]} */
const COLUMNS = [
  ["name", t("table.instance")],
  ["state", t("table.state")],
  ["health", t("table.health")],
  ["batch", t("table.batch")],
  ["zone", t("table.zone")],
  ["version", t("table.version")],
  ["health_began_at", t("table.health_since", { zone: zoneName() })],
];
const MAX_ROWS = 200;

/**
 * @param {Instance} instance
 * @param {string} column
 */
function valueOf(instance, column) {
  if (column === "state") return WORST_FIRST.indexOf(instance.state);
  if (column === "batch") return instance.batch ?? instance.planned ?? 0;
  return instance[/** @type {keyof Instance} */ (column)] ?? "";
}

/**
 * @param {Instance[]} instances
 * @param {Pick<View, "sort" | "filter" | "by">} view
 */
export function rowsOf(instances, view) {
  const { column, falling } = view.sort;
  const compare = (/** @type {Instance} */ a, /** @type {Instance} */ b) =>
    byName(String(valueOf(a, column)), String(valueOf(b, column))) || a.number - b.number;
  const shown = instances.filter((instance) => matches(instance, view.filter, view.by));
  return shown.sort((a, b) => (falling ? -compare(a, b) : compare(a, b)));
}

/**
 * Markup of the first MAX_ROWS of these instances.
 * @param {Instance[]} instances
 * @param {View} view
 * @param {string} name
 * @param {number} now
 */
export function tableOf(instances, view, name, now) {
  const rows = rowsOf(instances, view),
    all = instances.length;
  const rest = html`<p class="small quiet">${t("table.more", { shown: MAX_ROWS, count: rows.length })}</p>`;
  const caption = t("table.caption", { shown: rows.length, all, name, zone: zoneName() });
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${t("table.label")}"><table>
    <caption class="sr">${caption}</caption>
    <thead><tr><th scope="col"><span class="sr">${t("table.selected")}</span></th>${COLUMNS.map((column) => heading(column, view.sort))}</tr></thead>
    <tbody>${rows.slice(0, MAX_ROWS).map((instance) => row(instance, now, view.selected?.has(instance.id)))}</tbody>
  </table></div>${rows.length > MAX_ROWS ? rest : ""}`;
}

/**
 * @param {[string, string]} column
 * @param {View["sort"]} sort
 */
function heading([code, name], sort) {
  const isHere = sort.column === code,
    direction = sort.falling ? "descending" : "ascending";
  const arrow = isHere ? (sort.falling ? " ↓" : " ↑") : "";
  return html`<th scope="col" ${isHere ? html`aria-sort="${direction}"` : ""}><button type="button" class="sort"
    data-act="sort" data-key="${code}">${name}${arrow}</button></th>`;
}

/**
 * @param {Instance} instance
 * @param {number} now
 */
const row = (instance, now, isSelected = false) => html`<tr>
  <td><input type="checkbox" data-act="pick" data-key="${instance.id}" aria-label="${t("table.select", { name: instance.name })}" ${isSelected ? "checked" : ""}></td>
  <th scope="row"><button type="button" class="sort" data-act="open" data-key="${instance.id}">${instance.name}</button></th>
  <td>${word(faceOf(instance))}</td><td>${faceOf(instance, "health").word}</td><td>${batchOf(instance)}</td><td>${instance.zone || "–"}</td>
  <td>${instance.version}</td><td>${instance.health_began_at ? momentAt(instance.health_began_at, now) : "–"}</td></tr>`;

/**
 * "3", "5, planned" or nothing.
 * @param {Instance} instance
 */
export const batchOf = ({ batch, planned }) =>
  batch ?? (planned ? t("table.planned", { number: planned }) : "–");

/**
 * Which boxes are checked is said apart: what a person has clicked no longer follows the markup.
 * @param {HTMLElement} place
 * @param {Board} board
 * @param {View} view
 * @param {number} now
 */
export function paintTable(place, { instances, scale_set: set }, view, now) {
  show(place, tableOf(instances, view, set.name, now));
  for (const box of $$('[data-act="pick"]', place))
    box.checked = view.selected.has(box.dataset.key ?? "");
}

/**
 * A cell that begins like a formula would be run by a spreadsheet: it gets an apostrophe.
 * @param {string | number} value
 */
const cell = (value) =>
  `"${String(value)
    .replace(/^[=+\-@\t\r]/, "'$&")
    .replaceAll('"', '""')}"`;

const CSV = ["instance", "state", "health", "batch", "zone", "image_version", "health_began_at"];

/**
 * @param {Instance[]} instances
 * @param {View} view
 */
export function csvOf(instances, view) {
  const lines = rowsOf(instances, view).map((instance) => [
    instance.name,
    instance.state,
    instance.health,
    instance.batch ?? "",
    instance.zone ?? "",
    instance.version,
    instance.health_began_at ?? "",
  ]);
  return [CSV, ...lines].map((line) => line.map(cell).join()).join("\r\n");
}

/**
 * Hands the table to the viewer as a file.
 * @param {Board} board
 * @param {View} view
 */
export function saveCsv({ scale_set: set, instances }, view) {
  const address = URL.createObjectURL(new Blob([csvOf(instances, view)], { type: "text/csv" }));
  Object.assign(document.createElement("a"), {
    href: address,
    download: `${set.name}.csv`,
  }).click();
  // Some browsers read it later.
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}
