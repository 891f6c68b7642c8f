// What people do on the scale set page, and what they ask to see: the panel, the table, dialogs, keys. Loaded after the first cells.

import { loadHtmx } from "./htmx.js";
import { listenKeys, showSheet } from "./keys.js";
import { OptingOut } from "./opting-out.js";
import { keepKeys } from "./own-keys.js";
import { Panel } from "./panel.js";
import { feed, filter, grid, held, KEY, painter } from "./scale-set.js";
import { Selecting } from "./selecting.js";
import { $ } from "./dom.js";
import { openShell } from "./shell.js";
import { paintSelection } from "./selection.js";
import { Steering } from "./steering.js";
import { paintTable, saveCsv } from "./table.js";
import { remember, view } from "./viewer.js";
import { Viewing } from "./viewing.js";

/** @import { View } from "./view.js" */

const HERE = $("main").dataset.url ?? "";
const repaint = () => painter.repaint();
const viewing = new Viewing(painter, grid);
const steering = new Steering(HERE, markAsked);
const selecting = new Selecting(view.selected, () => viewing.inSight(), keepSelection);
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
  "select-matching": () => selecting.all(viewing.inSight()),
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
    selectAll: () => selecting.all(viewing.inSight()),
    optOut: (id) => askOptOut(view.selected.size ? [...view.selected] : [id]),
    table: () => viewing.showTable(!view.table),
    filter: () => $("#find").focus(),
    sheet: showSheet,
    escape: closeAndClear,
  },
  idBeginningWith,
);
document.addEventListener("refused", () => {
  grid.asking.clear();
  repaint();
});
addEventListener("popstate", () => viewing.goBack());
selecting.listen($("#grid"), (element) => grid.idOf(element));
feed.disks = true; // the panel shows them
feed.fetch(KEY);
painter.add({ panel: new Panel($("#panel"), HERE), paintTable, paintSelection });
loadHtmx().then(() => held.release());

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
