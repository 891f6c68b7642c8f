// The fleet page: totals, what needs a person, one row per scale set. Every board comes from the feed; only what
// changed is painted.

import { isReady } from "./board.js";
import { consider } from "./confirm.js";
import { $, painter } from "./dom.js";
import { Feed } from "./feed.js";
import { countAgain } from "./fleet-counts.js";
import { FleetMap } from "./fleet-map.js";
import { FleetRows } from "./fleet-rows.js";
import { hearStop } from "./fleet-stop.js";
import { paintChoice, paintNeeds, paintTotals } from "./fleet-totals.js";
import { heldTime, isFrozen } from "./frozen.js";
import { Minis } from "./mini.js";
import { openShell } from "./shell.js";
import { say } from "./speaking.js";
import { showConnection } from "./connection.js";
import { pickedIn } from "./summary.js";

/**
 * @import { Board, EmptyBoard } from "./board.js"
 * @import { Counted } from "./fleet-counts.js"
 */

const KNOWN = (document.body.dataset.sets ?? "").split(",").filter(Boolean);
const MAX_WAIT_MS = 8000; // then what there is is shown
const PAINT_EVERY = 200; // ms: a glance from afar needs no ten pictures a second, and a hundred rows cost some
const body = $("#sets");
/** @type {Map<string, Board>} */
const boards = new Map();
/** @type {Map<string, Counted>} */
const fleet = new Map();
const missing = new Set(KNOWN); // no word of them yet: totals would be wrong
const isPrinted = matchMedia("print"); // then all rows are in sight
let only = pickedIn(location.search);

openShell({ automatic: considerSwitch, only: choose });
const ask = painter(paint, PAINT_EVERY);
const rows = new FleetRows(body, ask);
const minis = new Minis(() => {
  for (const entry of fleet.values()) entry.isPainted = false;
  ask();
});
const map = new FleetMap(ask);
const feed = new Feed({ known: KNOWN, hear, showConnection });
setInterval(() => isFrozen() || ask(), 1000); // what is counted in seconds
addEventListener("popstate", pickAgain);
isPrinted.addEventListener("change", paintAnew);
addEventListener("beforeprint", paintAnew);
setTimeout(appear, MAX_WAIT_MS);
body.addEventListener("pointerleave", ask);
body.addEventListener("focusout", ask);

/**
 * What would follow from turning automatic upgrades the other way.
 * @param {HTMLElement} control
 */
function considerSwitch(control) {
  const isOn = control.getAttribute("aria-checked") === "true",
    row = /** @type {HTMLElement} */ (control.closest("tr"));
  consider(`${row.dataset.url}would/automatic/?on=${!isOn}`, control);
}

/**
 * @param {Board | EmptyBoard | null} board
 * @param {string} key
 */
function hear(board, key) {
  hearStop(key, board);
  missing.delete(key);
  if (board && !isReady(board)) return;
  if (board) boards.set(key, board);
  else forget(key);
  ask();
}

/** @param {string} key */
function forget(key) {
  boards.delete(key);
  fleet.delete(key);
  rows.forget(key);
}

/**
 * All at once, when every scale set has said what it has: what comes by and by would push away what somebody is about
 * to click.
 */
function appear() {
  if (!$("#main").classList.contains("loading")) return;
  $("#main").classList.remove("loading");
  rows.order = "";
  place();
  rows.seeFirst();
}

/** At once: what is printed is the page as it is after this event. */
function paintAnew() {
  minis.forget();
  paint();
}

function paint() {
  const now = heldTime(feed.now());
  for (const [key, board] of boards) fleet.set(key, countAgain(board, fleet.get(key), now));
  if (!missing.size) appear();
  place();
  rows.paint(fleet, minis, { all: isPrinted.matches });
  if (missing.size) return;
  map.paint(boards.values());
  const list = [...fleet.values()];
  say(paintTotals(list));
  paintNeeds(list, now);
}

function place() {
  const shown = rows.place(fleet, only),
    all = rows.rows.size;
  $("#none").hidden = all > 0;
  $("#all-sets").hidden = !all;
  if (shown !== null) paintChoice(only, shown, all);
}

function pickAgain() {
  only = pickedIn(location.search);
  rows.order = "";
  ask();
}

/**
 * A headline number is a link; a plain click filters in place.
 * @param {HTMLElement} link
 * @param {Event} event
 */
function choose(link, event) {
  const { ctrlKey, metaKey, shiftKey } = /** @type {MouseEvent} */ (event);
  if (ctrlKey || metaKey || shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", /** @type {HTMLAnchorElement} */ (link).href);
  pickAgain();
}
