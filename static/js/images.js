// The images page: the server shows the catalogue; the feed keeps its counts and says when to ask for it again.

import { post, problem } from "./acts.js";
import { consider } from "./confirm.js";
import { hearStop } from "./fleet-stop.js";
import { $, $$, focusOf, html, painter, show } from "./dom.js";
import { Feed } from "./feed.js";
import { dayAt, number } from "./format.js";
import { openShell, standing } from "./shell.js";
import { isReady } from "./state.js";

const NONE_YET =
  "None published yet. A version is 2 to 4 numbers separated by dots, e.g. 16.04.2018.";
const AGAIN = 60000; // ms: what is published of SKUs that no scale set uses comes on no feed
const KNOWN = (document.body.dataset.sets ?? "").split(",").filter(Boolean);
const place = $("#skus");
const boards = new Map(); // key -> {sku, latest, versions: {version: instances}}
const missing = new Set(KNOWN);
const unfolded = new Set(); // SKUs whose old versions are shown
let fetching = false,
  stale = false,
  shown = "";

openShell({
  publish: (button) => openDialog(button.dataset.key),
  "ask-publish": askPublish,
  sku: hint,
  use,
  locations: complete,
  older: unfold,
  withdraw: askWhy,
  "put-back": putBack,
});
const ask = painter(paint);
new Feed({ known: KNOWN, hear, standing });
document.addEventListener("done", done);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) fetchAgain();
});
setInterval(() => {
  if (!document.hidden) fetchAgain();
}, AGAIN);
dress();

function hear(board, key) {
  hearStop(key, board);
  missing.delete(key);
  if (board && !isReady(board)) return;
  const before = boards.get(key);
  if (board) boards.set(key, factsOf(board));
  else boards.delete(key);
  const now = boards.get(key);
  const isNews = before?.latest !== now?.latest || before?.sku !== now?.sku;
  const isOther = before && now && before.withdrawn !== now.withdrawn;
  if (isOther || (isNews && (!now || !isShown(now, key)))) fetchAgain();
  ask();
}

function factsOf({ scale_set: { image, latest_version: latest, withdrawn: said }, instances }) {
  const versions = {};
  for (const one of instances) versions[one.version] = (versions[one.version] ?? 0) + 1;
  const sku = `${image.publisher}:${image.offer}:${image.sku}`.toLowerCase();
  return { sku, latest, versions, withdrawn: JSON.stringify(said) };
}

/** Does the page have this version, and this scale set under its SKU? */
function isShown({ sku, latest }, key) {
  const section = $$(".sku", place).find((one) => one.dataset.sku === sku);
  if (!section || !KNOWN.includes(key)) return false;
  return !latest || $$("tr[data-version]", section).some((row) => row.dataset.version === latest);
}

/** Asks for the catalogue again; once more where something changed meanwhile. */
async function fetchAgain() {
  stale = true;
  if (fetching) return;
  fetching = true;
  while (stale) {
    stale = false;
    await fetchOnce().catch(() => {}); // the next occasion asks again
  }
  fetching = false;
}

/** Written only where it differs, and the focus stays: this happens under people's hands. */
async function fetchOnce() {
  const answer = await fetch($("#main").dataset.skus, { redirect: "manual" }); // signed out it leads to the door
  const text = answer.ok ? await answer.text() : shown;
  if (text === shown) return;
  const refocus = focusOf(place);
  place.innerHTML = shown = text;
  dress();
  refocus();
}

/** Days in the viewer's zone, what was unfolded, and bars. */
function dress() {
  for (const time of $$("time", place)) time.textContent = dayAt(time.dateTime);
  for (const section of $$(".sku", place))
    section.classList.toggle("all", unfolded.has(section.dataset.sku));
  paint();
  if ($("#publish")?.open) hint();
}

function paint() {
  const counts = missing.size ? null : counted();
  for (const section of $$(".sku", place))
    paintSku(section, counts && (counts.get(section.dataset.sku) ?? {}));
}

function counted() {
  const all = new Map();
  for (const { sku, versions } of boards.values()) {
    const sum = all.get(sku) ?? all.set(sku, {}).get(sku);
    for (const [version, n] of Object.entries(versions)) sum[version] = (sum[version] ?? 0) + n;
  }
  return all;
}

/** `counts` is null until every scale set has said its own: the server's stand till then. */
function paintSku(section, counts) {
  const cells = $$("td.runs", section);
  if (counts)
    for (const cell of cells) cell.dataset.count = counts[cell.parentElement.dataset.version] ?? 0;
  const total = cells.reduce((sum, cell) => sum + Number(cell.dataset.count), 0);
  for (const cell of cells) {
    write($("b", cell), number(Number(cell.dataset.count)));
    $("i", cell).style.setProperty(
      "--share",
      `${total ? (100 * Number(cell.dataset.count)) / total : 0}%`,
    );
  }
  write($(".total", section), number(total));
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function unfold(button) {
  const section = button.closest(".sku");
  const { sku } = section.dataset;
  if (!unfolded.delete(sku)) unfolded.add(sku);
  section.classList.toggle("all", unfolded.has(sku));
  button.setAttribute("aria-expanded", unfolded.has(sku));
}

function openDialog(key) {
  const dialog = $("#publish"),
    form = $("form", dialog);
  form.reset();
  const option = $$("option", form.elements.sku).find((one) => one.dataset.key === key);
  if (option) option.selected = true;
  hint();
  dialog.showModal();
  form.elements.version.focus();
}

/** Says first whom it would upgrade; what is wrong with it stands in the form. */
function askPublish(form) {
  problem(form, "");
  consider(
    `${form.dataset.would}?${new URLSearchParams(/** @type {any} */ (new FormData(form)))}`,
    form,
  );
}

function done() {
  $("#publish")?.close();
  fetchAgain();
}

function askWhy({ dataset: { key, name } }) {
  const dialog = $("#withdraw"),
    { elements } = $("form", dialog);
  $("form", dialog).reset();
  [elements.sku.value, elements.version.value] = [name, key];
  write($(".version", dialog), `${key} of ${name}`);
  dialog.showModal();
  elements.reason.focus();
}

/** The rows come and go without htmx. */
function putBack(button) {
  const { key: version, name: sku } = button.dataset;
  post($("#main").dataset.undo, { sku, version }, button);
}

/** The latest version of the chosen image, and a number that the next could have. */
function hint() {
  const key = $("#publish select").selectedOptions[0]?.dataset.key;
  const { latest, next } = $$(".sku", place).find((one) => one.dataset.sku === key)?.dataset ?? {};
  const use = html`<button type="button" class="link" data-act="use" data-key="${next}">${next}</button>`;
  show($("#hint"), latest ? html`Latest: <b>${latest}</b>. Suggested next: ${use}` : NONE_YET);
}

function use(button) {
  $("#version").value = button.dataset.key;
  $("#version").focus();
}

/** A datalist completes one value: what was written before the last comma goes before each of its options. */
function complete(input) {
  const before = input.value.includes(",")
    ? `${input.value.slice(0, input.value.lastIndexOf(","))}, `
    : "";
  for (const option of $("#known-locations").options) {
    option.dataset.name ??= option.value;
    option.value = before + option.dataset.name;
  }
}
