// The scale set page: one board, one paint, one listener. Everything visible is computed from the board here.

import { post } from "./acts.js";
import { $, $$, html, painter, show, word } from "./dom.js";
import { Feed } from "./feed.js";
import { exactTimeAt } from "./format.js";
import { Grid } from "./grid.js";
import { paintHeader } from "./header.js";
import { gauges, rail, reasons, statusOf, steps } from "./instruments.js";
import { KEY_SHEET, listenKeys } from "./keys.js";
import { legend, selection } from "./legend.js";
import { effectOf, panelOf } from "./panel.js";
import { may, openShell, say, standing } from "./shell.js";
import { isReady } from "./state.js";
import { csvOf, tableOf } from "./table.js";
import { tick } from "./ticking.js";
import { batchesOf, withPlan } from "./view.js";
import { reasonsOf } from "./why.js";

const url = new URL(location.href);
const KEY = document.body.dataset.sets;
const HERE = $("main").dataset.url;
const ASKING_AT_MOST = 10000; // ms
const view = {
  group: "batch", by: "state", filter: { states: url.searchParams.getAll("state"), text: url.searchParams.get("q") ?? "" },
  sort: { column: "state", falling: false }, table: url.searchParams.has("table"), open: url.searchParams.get("open"),
};
const grid = new Grid($("#grid"), view);
const touched = new Set();
let board = null, batches = [], plan = "", historyOf = "";

openShell({
  cell: (e) => open(board.instances[Number(e.dataset.i)].id), open: (e) => open(e.dataset.key), "close-panel": () => open(null),
  legend: (e) => toggleState(e.dataset.key), see: (e) => filterBy([e.dataset.key]),
  group: (e) => { view.group = e.value; plan = ""; ask(); }, by: (e) => { view.by = e.value; filterBy([]); },
  find: (e) => { view.filter.text = e.value; refilter(); }, twin: (e) => twin(e.value === "table"), sort, csv, sheet: showSheet,
  batch: toBatch, automatic, "opt-out-one": (e) => askOptOut([e.dataset.key]), "opt-out-selected": () => askOptOut([...grid.selected]),
  "opt-in": (e) => { asking([e.dataset.key]); post(`${HERE}opt-in/`, { ids: e.dataset.key }); }, "clear-selection": () => { grid.selected.clear(); repaint(); },
});
const ask = painter(paint);
const feed = new Feed({ sets: [KEY], hear, standing });
listenKeys(grid, {
  details: open, select, optOut: (id) => askOptOut(grid.selected.size ? [...grid.selected] : [id]), table: () => twin(!view.table),
  filter: () => $("#find").focus(), sheet: showSheet, escape,
}, (digits) => board?.instances.find((one) => String(one.number).startsWith(String(Number(digits))))?.id);
addEventListener("themechange", repaint);
document.addEventListener("htmx:beforeRequest", sent); // the feed may be quicker than the answer
document.addEventListener("refused", () => { grid.asking.clear(); $("#automatic").removeAttribute("aria-busy"); repaint(); });
setInterval(ask, 1000); // what is counted in seconds
$("#find").value = view.filter.text;
if (view.table) twin(true);

function hear(next, key) {
  if (!next) return key && gone();
  if (!isReady(next)) return;
  for (const place of next.touched) {
    touched.add(place);
    grid.asking.delete(next.instances[place]?.id);
  }
  if (next.rebuilt) plan = "";
  if (board && board.scale_set.automatic_upgrade !== next.scale_set.automatic_upgrade) $("#automatic").removeAttribute("aria-busy");
  if (board?.upgrade && next.upgrade?.ended_at && !board.upgrade.ended_at) say(`The upgrade to ${next.upgrade.target.version} ended: ${statusOf(next).word}.`, { urgent: next.upgrade.status !== "Completed" });
  board = next;
  ask();
}

function gone() {
  board = null;
  show($("main"), html`<div class="empty"><h1>This scale set is gone</h1><p>It was deleted while you looked at it.</p><a class="button" href="/">Fleet</a></div>`);
}

function paint() {
  if (!board) return;
  const now = feed.now();
  batches = batchesOf(board);
  const planned = { ...board, instances: withPlan(board.instances, batches) };
  paintCells(planned);
  show($("#status"), word(statusOf(board)));
  paintHeader(planned);
  $("#rail").hidden = !batches.length;
  show($("#rail"), rail(planned, batches));
  show($("#steps"), steps(planned, batches, now));
  show($("#gauges"), gauges(planned));
  const why = reasonsOf(planned);
  show($("#why"), reasons(why));
  show($("#legend"), legend(board, view));
  show($("#selection"), selection(grid.selected.size));
  if (view.table) show($("#table"), tableOf(planned.instances, view, board.scale_set.name));
  paintPanel(planned, now);
  tick(now);
  say(why[0].text);
}

/** A cell belongs to one group: where the groups changed, everything is built again. */
function paintCells(planned) {
  const groups = view.group + planned.instances.map((one) => (view.group === "batch" ? one.batch ?? one.planned ?? 0 : one[view.group])).join();
  $("#empty").hidden = planned.instances.length > 0;
  show($("#empty"), html`<div class="empty"><p>No instances. ${board.scale_set.capacity ? "They are being made." : "Its capacity is 0: nothing to upgrade."}</p></div>`);
  if (groups !== plan) grid.build(planned);
  else grid.paint(planned, touched);
  plan = groups;
  touched.clear();
}

function repaint() {
  board?.instances.forEach((_, place) => touched.add(place));
  ask();
}

function refilter() {
  url.searchParams.delete("state");
  view.filter.states.forEach((state) => url.searchParams.append("state", state));
  remember("q", view.filter.text);
  repaint();
}

function remember(name, value) {
  if (value) url.searchParams.set(name, value);
  else url.searchParams.delete(name);
  history.replaceState(null, "", url);
}

function filterBy(states) {
  view.filter.states = states;
  refilter();
}

function toggleState(code) {
  const { states } = view.filter;
  filterBy(states.includes(code) ? states.filter((one) => one !== code) : [...states, code]);
}

function toBatch(element) {
  if (view.group !== "batch") $('input[name="group"][value="batch"]').click();
  const heading = $(`.group[data-key="${element.dataset.key}"]`);
  heading?.scrollIntoView({ block: "center" });
  const first = heading && $(".cell", heading);
  if (first) grid.rove(board.instances[Number(first.dataset.i)].id);
}

function open(id) {
  const before = view.open;
  view.open = id;
  historyOf = "";
  remember("open", id);
  if (id === null && before !== null) grid.rove(before);
  else if (id !== null) grid.rove(id, false);
  ask();
}

function paintPanel(planned, now) {
  const one = planned.instances[planned.places.get(view.open)];
  $("#panel").hidden = !one;
  $("#work").classList.toggle("open", Boolean(one));
  if (!one) return;
  show($("#panel"), panelOf(one, planned, now));
  const wanted = `${one.id} ${one.state} ${one.health} ${one.version} ${Boolean(one.opt_out)}`;
  if (wanted !== historyOf) loadHistory(one);
  historyOf = wanted;
}

/** The server knows what happened before the page was opened. */
async function loadHistory(one) {
  await globalThis.htmx.ajax("GET", `${HERE}instances/${one.id}/history/`, { target: "#history", swap: "innerHTML" });
  for (const time of $$("#history time")) time.textContent = exactTimeAt(time.dateTime);
}

function select(id) {
  if (!grid.selected.delete(id)) grid.selected.add(id);
  touched.add(board.places.get(id));
  ask();
}

function escape() {
  if (view.open !== null) return open(null);
  grid.selected.clear();
  view.filter.text = $("#find").value = "";
  filterBy([]);
}

function twin(on) {
  view.table = on;
  $("#grid").hidden = on;
  $("#table").hidden = $("#csv").hidden = !on;
  $(`input[name="twin"][value="${on ? "table" : "grid"}"]`).checked = true;
  remember("table", on ? "1" : "");
  ask();
}

function sort(element) {
  const column = element.dataset.key;
  view.sort = { column, falling: view.sort.column === column && !view.sort.falling };
  ask();
}

function csv() {
  const file = new Blob([csvOf(withPlan(board.instances, batches), view)], { type: "text/csv" });
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: `${board.scale_set.name}.csv` });
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Asked, not done: the answer comes on the feed like everybody else's. */
function asking(ids) {
  ids.forEach((id) => grid.asking.add(id));
  setTimeout(() => { ids.forEach((id) => grid.asking.delete(id)); repaint(); }, ASKING_AT_MOST);
  repaint();
}

function automatic(element) {
  if (element.getAttribute("aria-busy") === "true") return;
  element.setAttribute("aria-busy", "true");
  post(`${HERE}automatic/`, { on: element.getAttribute("aria-checked") !== "true" });
}

function askOptOut(ids) {
  if (!may("opt_out")) return;
  const dialog = $("#opt-out"), form = $("form", dialog);
  const list = ids.map((id) => board.instances[board.places.get(id)]).filter(Boolean);
  if (!list.length) return;
  form.reset();
  form.elements.ids.value = list.map((one) => one.id).join();
  form.elements.until_day.value = dayFromNow(14);
  form.elements.until_day.min = dayFromNow(0);
  $("#opt-out-name").textContent = `Opt ${list.length === 1 ? list[0].name : `${list.length} instances`} out`;
  show($("#opt-out-effect"), effectOf(list, board));
  dialog.showModal();
}

const dayFromNow = (days) => new Date(Date.now() + days * 864e5 - new Date().getTimezoneOffset() * 6e4).toISOString().slice(0, 10);

function sent({ target }) {
  if (!target.closest("#opt-out")) return;
  asking(target.elements.ids.value.split(","));
  grid.selected.clear();
}

function showSheet() {
  show($("#sheet"), html`<form method="dialog"><h2>Keys</h2><dl class="pairs">${KEY_SHEET.map(([keys, does]) => html`<dt>${keys.map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${does}</dd>`)}</dl><div class="actions"><button class="button">Close</button></div></form>`);
  $("#sheet").showModal();
}
