// The scale set page: one board, one paint, one listener. Everything visible is computed from the board.

import { BoardPainter } from "./board-painter.js";
import { isReady } from "./board.js";
import { t } from "./catalogue.js";
import { sync } from "./choices.js";
import { $, $$ } from "./dom.js";
import { versionOf } from "./extensions.js";
import { Feed } from "./feed.js";
import { Filtering } from "./filtering.js";
import { hearStop } from "./fleet-stop.js";
import { isFrozen } from "./frozen.js";
import { Grid } from "./grid.js";
import { keepKeys, listenKeys, showSheet } from "./keys.js";
import { OptingOut } from "./opting-out.js";
import { Panel } from "./panel.js";
import { Selecting } from "./selecting.js";
import { openShell, say, standing } from "./shell.js";
import { statusOf } from "./status.js";
import { Steering } from "./steering.js";
import { saveCsv } from "./table.js";
import { remember, view } from "./viewer.js";
import { Viewing } from "./viewing.js";

/**
 * @import { Board, EmptyBoard } from "./board.js"
 * @import { View } from "./view.js"
 */

const KEY = document.body.dataset.sets ?? "";
const HERE = $("main").dataset.url ?? "";
const grid = new Grid($("#grid"), view);
const painter = new BoardPainter({
  grid,
  panel: new Panel($("#panel"), HERE),
  view,
  now: () => feed.now(),
});
const viewing = new Viewing(painter, grid);
const repaint = () => painter.repaint();
const filter = (painter.filter = new Filtering(repaint));
const steering = new Steering(HERE, markAsked);
const selecting = new Selecting(view.selected, () => painter.inSight(), keepSelection);
const optingOut = new OptingOut($("#opt-out"), { sent: markAsked, done: () => selecting.clear() });

openShell({
  cell: clickCell,
  open: (e) => viewing.open(keyOf(e)),
  "close-panel": () => viewing.open(null),
  legend: (e) => filter.toggleState(keyOf(e)),
  these: (e) => filter.toggleOnly(keyOf(e)),
  hold: (e) => filter.toggleReason(keyOf(e)),
  batch: (e) => viewing.showBatch(keyOf(e)),
  do: (e) => steering.do(e),
  group: (e) => viewing.group(valueOf(e)),
  by: (e) => {
    view.by = /** @type {View["by"]} */ (valueOf(e));
    filter.by([]);
  },
  find: (e) => filter.text(valueOf(e)),
  "clear-filter": () => filter.clear(),
  twin: (e) => viewing.showTable(valueOf(e) === "table"),
  sort: (e) => viewing.sort(keyOf(e)),
  csv: () => painter.shown && saveCsv(painter.shown, view),
  sheet: showSheet,
  keys: keepKeys,
  automatic: (e) => steering.automatic(e),
  pick: (e, event) => (isShift(event) ? selecting.extend(keyOf(e)) : selecting.toggle(keyOf(e))),
  "select-matching": () => selecting.all(painter.inSight()),
  "opt-out-one": (e) => askOptOut([keyOf(e)]),
  "opt-out-selected": () => askOptOut([...view.selected]),
  "clear-selection": () => selecting.clear(),
});
listenKeys(
  grid,
  {
    details: (id) => viewing.open(id),
    select: (id) => selecting.toggle(id),
    extend: (id) => selecting.extend(id),
    selectAll: () => selecting.all(painter.inSight()),
    optOut: (id) => askOptOut(view.selected.size ? [...view.selected] : [id]),
    table: () => viewing.showTable(!view.table),
    filter: () => $("#find").focus(),
    sheet: showSheet,
    escape: closeAndClear,
  },
  idBeginningWith,
);
const feed = new Feed({ sets: [KEY], hear, standing });
feed.fetch(KEY); // now, while the socket is opened; the page has preloaded it
document.addEventListener("refused", () => {
  grid.asking.clear();
  repaint();
});
setInterval(() => isFrozen() || painter.askInstruments(), 1000); // what is counted in seconds
addEventListener("popstate", () => viewing.goBack());
selecting.listen($("#grid"), (element) => grid.idOf(element));
sync();

/** @param {HTMLElement} element */
function keyOf(element) {
  return element.dataset.key ?? "";
}

/** @param {HTMLElement} element */
function valueOf(element) {
  return /** @type {HTMLInputElement} */ (element).value;
}

/** @param {Event} event */
function isShift(event) {
  return event instanceof MouseEvent && event.shiftKey;
}

/** @param {Board | EmptyBoard | null} next */
function hear(next) {
  hearStop(KEY, next);
  if (!next) return showGone();
  if (!isReady(next)) return;
  if (!$("#gone").hidden) return location.reload(); // made anew
  sayEnd(painter.board, next);
  painter.take(next);
}

/**
 * Says aloud that an upgrade ended.
 * @param {Board | null} before
 * @param {Board} next
 */
function sayEnd(before, next) {
  const { upgrade } = next;
  if (!before?.upgrade || before.upgrade.ended_at || !upgrade?.ended_at) return;
  const urgent = upgrade.status !== "Completed";
  const { word } = statusOf(next);
  say(t("status.ended", { version: versionOf(upgrade), word }), { urgent });
}

function showGone() {
  painter.forget();
  $("#opt-out").close();
  $("#line").hidden = true;
  for (const part of $$("main > *")) part.hidden = part.id !== "gone";
  $("#gone a").focus();
}

/**
 * @param {HTMLElement} cell
 * @param {Event} event
 */
function clickCell(cell, event) {
  const id = grid.idOf(cell);
  if (id !== undefined && !selecting.click(id, /** @type {MouseEvent} */ (event))) viewing.open(id);
}

/** @param {string[]} ids */
function keepSelection(ids) {
  remember({ step: false });
  painter.touch(ids);
  painter.ask();
}

function closeAndClear() {
  if (view.open !== null) return viewing.open(null);
  selecting.clear();
  filter.clear();
}

/**
 * Asked, not done: the answer comes on the feed like everybody else's.
 * @param {string[]} ids
 */
function markAsked(ids) {
  grid.ask(ids, repaint);
  repaint();
}

/** @param {string[]} ids */
function askOptOut(ids) {
  if (painter.board) optingOut.open(ids, painter.board);
}

/** @param {string} digits */
function idBeginningWith(digits) {
  const start = String(Number(digits));
  return painter.board?.instances.find(({ number }) => String(number).startsWith(start))?.id;
}
