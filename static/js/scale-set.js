// The scale set page: one board, one paint, one listener. Everything visible is computed from the board here.

import { sortBy, sync } from "./choices.js";
import { hearStop } from "./fleet-stop.js";
import { $, html, painter, show, word } from "./dom.js";
import { aim } from "./extensions.js";
import { batchesOf } from "./batches.js";
import { Feed } from "./feed.js";
import { Filtering } from "./filtering.js";
import { freeze, heldTime, isFrozen } from "./frozen.js";
import { Grid } from "./grid.js";
import { paintHeader } from "./header.js";
import { gauges, rail, reasons, statusOf, steps } from "./instruments.js";
import { keepKeys, listenKeys, showSheet } from "./keys.js";
import { legend, matching, paintSelection } from "./legend.js";
import { paintLine } from "./line.js";
import { OptingOut } from "./opting-out.js";
import { Panel } from "./panel.js";
import { Selecting } from "./selecting.js";
import { openShell, say, standing } from "./shell.js";
import { isReady } from "./state.js";
import { Steering } from "./steering.js";
import { paintTable, rowsOf, saveCsv } from "./table.js";
import { tick } from "./ticking.js";
import { recall, remember, view } from "./viewer.js";
import { reasonsOf } from "./why.js";

const KEY = document.body.dataset.sets;
const HERE = $("main").dataset.url;
const INSTRUMENTS_EVERY = 500; // ms: they are read, not watched; every change of a text lays the page out anew
const grid = new Grid($("#grid"), view);
const panel = new Panel($("#panel"), HERE);
const touched = new Set();
const filter = new Filtering(repaint);
const steering = new Steering(HERE, asking);
const selecting = new Selecting(view.selected, () => inSight(), selected);
let board = null,
  batches = [],
  plan = "";
/** @type {any} */
let planned = null;

openShell({
  cell: (e, event) => {
    const { id } = board.instances[Number(e.dataset.i)];
    if (!selecting.click(id, event)) open(id);
  },
  open: (e) => open(e.dataset.key),
  "close-panel": () => open(null),
  legend: (e) => filter.toggleState(e.dataset.key),
  these: (e) => filter.toggleOnly(e.dataset.key),
  hold: (e) => filter.toggleReason(e.dataset.key),
  batch: toBatch,
  do: (e) => steering.do(e),
  group: (e) => {
    view.group = e.value;
    remember();
    ask();
  },
  by: (e) => {
    view.by = e.value;
    filter.by([]);
  },
  find: (e) => filter.text(e.value),
  "clear-filter": () => filter.clear(),
  twin: (e) => twin(e.value === "table"),
  sort: (e) => {
    sortBy(e.dataset.key);
    ask();
  },
  csv: () => planned && saveCsv(planned, view),
  sheet: showSheet,
  keys: keepKeys,
  automatic: (e) => steering.automatic(e),
  pick: (e, event) =>
    event.shiftKey ? selecting.extend(e.dataset.key) : selecting.toggle(e.dataset.key),
  "select-matching": () => selecting.all(inSight()),
  "opt-out-one": (e) => askOptOut([e.dataset.key]),
  "opt-out-selected": () => askOptOut([...grid.selected]),
  "clear-selection": () => selecting.clear(),
});
const askCells = painter(paintCells),
  askInstruments = painter(paintInstruments, INSTRUMENTS_EVERY);
const ask = painter(() => {
  paintCells();
  paintInstruments();
}); // a person did something: all of it, soon
const feed = new Feed({ sets: [KEY], hear, standing });
const optingOut = new OptingOut($("#opt-out"), { sent: asking, done: () => selecting.clear() });
listenKeys(
  grid,
  {
    details: open,
    select: (id) => selecting.toggle(id),
    extend: (id) => selecting.extend(id),
    selectAll: () => selecting.all(inSight()),
    optOut: (id) => askOptOut(grid.selected.size ? [...grid.selected] : [id]),
    table: () => twin(!view.table),
    filter: () => $("#find").focus(),
    sheet: showSheet,
    escape,
  },
  (digits) =>
    board?.instances.find((one) => String(one.number).startsWith(String(Number(digits))))?.id,
);
document.addEventListener("refused", () => {
  grid.asking.clear();
  repaint();
});
setInterval(() => isFrozen() || askInstruments(), 1000); // what is counted in seconds
addEventListener("popstate", () => {
  recall();
  sync();
  repaint();
});
selecting.listen($("#grid"), (element) => grid.idOf(element));
sync();

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
  if (board?.upgrade && next.upgrade?.ended_at && !board.upgrade.ended_at)
    say(`The upgrade ${aim(next.upgrade)} ended: ${statusOf(next).word}.`, {
      urgent: next.upgrade.status !== "Completed",
    });
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
  batches = batchesOf(board);
  planned = board;
  const groups =
    view.group +
    planned.instances
      .map((one) => (view.group === "batch" ? (one.batch ?? one.planned ?? 0) : one[view.group]))
      .join();
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
  show(
    $("#empty"),
    html`<div class="empty"><p>No instances. ${board.scale_set.capacity ? "They are being made." : "Its capacity is 0: nothing to upgrade."}</p></div>`,
  );
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
  show(
    $("#matching"),
    matching(rowsOf(planned.instances, view).length, planned.instances.length, view),
  );
  paintSelection($("#selection"), grid);
  if (view.table) paintTable($("#table"), planned, view, now);
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
  remember();
  sync();
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
  remember();
  for (const one of [before, id]) if (board?.places.has(one)) touched.add(board.places.get(one)); // its cell is marked
  if (id !== null) grid.rove(id, false);
  else if (before !== null) focusOn(before);
  ask();
}

/** All that the filter shows, in the order in which they stand. */
const inSight = () =>
  view.table ? rowsOf(planned.instances, view).map((one) => one.id) : grid.shown;

function selected(ids) {
  remember({ step: false });
  for (const id of ids) touched.add(board?.places.get(id));
  ask();
}

function escape() {
  if (view.open !== null) return open(null);
  selecting.clear();
  filter.clear();
}

function twin(on) {
  const hadFocus = [$("#grid"), $("#table")].some((one) => one.contains(document.activeElement));
  view.table = on;
  remember();
  sync();
  paintInstruments();
  if (board) grid.fit();
  if (hadFocus && board) focusOn(grid.focused);
}

/** Asked, not done: the answer comes on the feed like everybody else's. */
function asking(ids) {
  grid.ask(ids, repaint);
  repaint();
}

const askOptOut = (ids) => board && optingOut.open(ids, board);
