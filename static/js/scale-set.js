// The scale set page: one board, one paint, one listener. Everything visible is computed from the board here.

import { ask as askFor, post } from "./acts.js";
import { hearStop } from "./cord.js";
import { $, html, painter, show, word } from "./dom.js";
import { aim } from "./extensions.js";
import { Feed } from "./feed.js";
import { Filtering } from "./filtering.js";
import { freeze, heldTime, isFrozen } from "./frozen.js";
import { Grid } from "./grid.js";
import { paintHeader } from "./header.js";
import { gauges, rail, reasons, statusOf, steps } from "./instruments.js";
import { keepKeys, listenKeys, showSheet } from "./keys.js";
import { legend, paintSelection } from "./legend.js";
import { paintLine } from "./line.js";
import { OptingOut } from "./opting-out.js";
import { Panel } from "./panel.js";
import { ACTS } from "./reasons.js";
import { openShell, say, standing } from "./shell.js";
import { isReady } from "./state.js";
import { saveCsv, tableOf } from "./table.js";
import { tick } from "./ticking.js";
import { batchesOf, withPlan } from "./view.js";
import { remember, view } from "./viewer.js";
import { reasonsOf } from "./why.js";

const KEY = document.body.dataset.sets;
const HERE = $("main").dataset.url;
const INSTRUMENTS_EVERY = 500; // ms: they are read, not watched; every change of a text lays the page out anew
const grid = new Grid($("#grid"), view);
const panel = new Panel($("#panel"), HERE);
const touched = new Set();
const filter = new Filtering(repaint);
let board = null, planned = null, batches = [], plan = "";

openShell({
  cell: (e) => open(board.instances[Number(e.dataset.i)].id), open: (e) => open(e.dataset.key), "close-panel": () => open(null),
  legend: (e) => filter.toggleState(e.dataset.key), see: (e) => filter.by([e.dataset.key]), hold: (e) => filter.toggleReason(e.dataset.key), batch: toBatch, do: steer,
  group: (e) => { view.group = e.value; ask(); }, by: (e) => { view.by = e.value; filter.by([]); }, find: (e) => { view.filter.text = e.value; filter.by(view.filter.states, view.filter.reason); },
  twin: (e) => twin(e.value === "table"), sort, csv: () => planned && saveCsv(planned, view), sheet: showSheet, keys: keepKeys,
  automatic: (e) => askFor(e, `${HERE}automatic/`), "opt-in": (e) => { asking([e.dataset.key]); post(`${HERE}opt-in/`, { ids: e.dataset.key }); },
  "opt-out-one": (e) => askOptOut([e.dataset.key]), "opt-out-selected": () => askOptOut([...grid.selected]), "clear-selection": clearSelection,
});
const askCells = painter(paintCells), askInstruments = painter(paintInstruments, INSTRUMENTS_EVERY);
const ask = painter(() => { paintCells(); paintInstruments(); }); // a person did something: all of it, soon
const feed = new Feed({ sets: [KEY], hear, standing });
const optingOut = new OptingOut($("#opt-out"), { sent: asking, done: clearSelection });
listenKeys(grid, {
  details: open, select, optOut: (id) => askOptOut(grid.selected.size ? [...grid.selected] : [id]), table: () => twin(!view.table),
  filter: () => $("#find").focus(), sheet: showSheet, escape,
}, (digits) => board?.instances.find((one) => String(one.number).startsWith(String(Number(digits))))?.id);
document.addEventListener("refused", () => { grid.asking.clear(); repaint(); });
setInterval(() => isFrozen() || askInstruments(), 1000); // what is counted in seconds
$("#find").value = view.filter.text;
if (view.table) twin(true);

function hear(next) {
  hearStop(KEY, next);
  if (!next) return gone();
  if (!isReady(next)) return;
  if (!$("#gone").hidden) return location.reload(); // made anew
  for (const place of next.touched) {
    touched.add(place);
    grid.asking.delete(next.instances[place]?.id);
  }
  if (next.rebuilt) plan = "";
  if (board && board.scale_set.automatic_upgrade !== next.scale_set.automatic_upgrade) $("#automatic").removeAttribute("aria-busy");
  if (board?.upgrade && next.upgrade?.ended_at && !board.upgrade.ended_at) say(`The upgrade ${aim(next.upgrade)} ended: ${statusOf(next).word}.`, { urgent: next.upgrade.status !== "Completed" });
  board = next;
  askCells();
  askInstruments();
}

function gone() {
  board = planned = null;
  $("#opt-out").close();
  $("#line").hidden = true;
  for (const part of $("main").children) part.hidden = part.id !== "gone";
  $("#gone a").focus();
}

/** A cell belongs to one group: where the groups changed, everything is built again. */
function paintCells() {
  if (!board) return;
  filter.follow(board);
  batches = batchesOf(board, feed.now());
  planned = { ...board, instances: withPlan(board.instances, batches) };
  const groups = view.group + planned.instances.map((one) => (view.group === "batch" ? one.batch ?? one.planned ?? 0 : one[view.group])).join();
  if (groups !== plan) grid.build(planned);
  else grid.paint(planned, touched);
  plan = groups;
  touched.clear();
  if ($("#main").classList.contains("loading")) appear();
}

/** All at once, when there is something to see: what comes by and by would push away what somebody is about to click. */
function appear() {
  $("#main").classList.remove("loading");
  paintInstruments();
  grid.fit({ again: true });
}

function paintInstruments() {
  if (!planned) return;
  const now = heldTime(feed.now());
  $("#empty").hidden = planned.instances.length > 0;
  show($("#empty"), html`<div class="empty"><p>No instances. ${board.scale_set.capacity ? "They are being made." : "Its capacity is 0: nothing to upgrade."}</p></div>`);
  show($("#status"), word(statusOf(board)));
  paintLine(planned);
  paintHeader(planned);
  show($("#rail"), rail(planned, batches));
  show($("#steps"), steps(planned, batches, now));
  show($("#gauges"), gauges(planned));
  grid.count();
  const why = reasonsOf(planned);
  show($("#why"), reasons(why, view.filter.reason));
  show($("#legend"), legend(board, view));
  paintSelection($("#selection"), grid);
  if (view.table) show($("#table"), tableOf(planned.instances, view, board.scale_set.name, now));
  paintPanel(now);
  tick(now);
  if (isFrozen()) freeze();
  say(why[0].text);
}

function paintPanel(now) {
  const one = planned.instances[planned.places.get(view.open)];
  const hadFocus = $("#panel").contains(document.activeElement);
  $("#work").classList.toggle("open", Boolean(one));
  panel.paint(one, planned, now);
  if (!one && hadFocus) focusOn(grid.focused);
}

function repaint() {
  board?.instances.forEach((_, place) => touched.add(place));
  ask();
}

function toBatch(element) {
  if (view.table) twin(false);
  view.group = "batch";
  $('input[name="group"][value="batch"]').checked = true;
  paintCells();
  grid.reach(element.dataset.key);
}

/** On the instance's cell, or on its row in the table. */
function focusOn(id) {
  if (!view.table) return grid.rove(board.places.has(id) ? id : grid.focused);
  ($(`#table [data-act="open"][data-key="${CSS.escape(id)}"]`) ?? $("#table .scroll"))?.focus();
}

function open(id) {
  const before = view.open;
  view.open = id;
  remember("open", id);
  for (const one of [before, id]) if (board?.places.has(one)) touched.add(board.places.get(one)); // its cell is marked
  if (id !== null) grid.rove(id, false);
  else if (before !== null) focusOn(before);
  ask();
}

function select(id) {
  if (!grid.selected.delete(id)) grid.selected.add(id);
  touched.add(board.places.get(id));
  ask();
}

function clearSelection() {
  grid.selected.clear();
  repaint();
}

function escape() {
  if (view.open !== null) return open(null);
  grid.selected.clear();
  view.filter.text = $("#find").value = "";
  filter.by([]);
}

function twin(on) {
  const hadFocus = [$("#grid"), $("#table")].some((one) => one.contains(document.activeElement));
  view.table = on;
  $("#grid").hidden = on;
  $("#table").hidden = $("#csv").hidden = !on;
  $(`input[name="twin"][value="${on ? "table" : "grid"}"]`).checked = true;
  remember("table", on ? "1" : "");
  paintInstruments();
  if (board) grid.fit();
  if (hadFocus && board) focusOn(grid.focused);
}

function sort(element) {
  const column = element.dataset.key;
  view.sort = { column, falling: view.sort.column === column && !view.sort.falling };
  ask();
}

/** Asked, not done: the answer comes on the feed like everybody else's. */
function asking(ids) {
  grid.ask(ids, repaint);
  repaint();
}

/** What a reason's button does: to the scale set, or to the instances that it names. */
function steer({ dataset: { key, ids, version } }) {
  if (ids) asking(ids.split(","));
  post(ACTS[key].path ? `${HERE}${ACTS[key].path}` : document.body.dataset.endFleetStop, ids ? { ids, ...(version && { version }) } : {});
}

const askOptOut = (ids) => board && optingOut.open(ids, board);
