// The scale set page: one board, one paint. Everything visible is computed from the board.
//
// What is here is all that the first cells need. What people do with them comes after these: scale-set-later.js.

import { BoardPainter } from "./board-painter.js";
import { isReady } from "./board.js";
import { t } from "./catalogue.js";
import { sync } from "./choices.js";
import { $, $$ } from "./dom.js";
import { holdEvents } from "./events.js";
import { versionOf } from "./extensions.js";
import { Feed } from "./feed.js";
import { Filtering } from "./filtering.js";
import { hearStop } from "./fleet-stop.js";
import { isFrozen } from "./frozen.js";
import { Grid } from "./grid.js";
import { isOwnKey } from "./own-keys.js";
import { say } from "./speaking.js";
import { showConnection } from "./connection.js";
import { statusOf } from "./status.js";
import { view } from "./viewer.js";

/** @import { Board, EmptyBoard } from "./board.js" */

export const KEY = document.body.dataset.sets ?? "";
const MAX_WAIT_MS = 5000; // for the first cells
const AGAIN_MS = 3000;
export const grid = new Grid($("#grid"), view);
export const painter = new BoardPainter({ grid, view, now: () => feed.now(), appeared: loadLater });
export const filter = (painter.filter = new Filtering(() => painter.repaint()));
/** What was clicked, and which keys were pressed, before anything could answer, until it can. */
export const held = holdEvents(isOwnKey);
export const feed = new Feed({ sets: [KEY], hear, showConnection });
feed.fetch(KEY); // now, while the socket is opened; the page has preloaded it
setInterval(() => isFrozen() || painter.askInstruments(), 1000); // what is counted in seconds
sync();
setTimeout(importLater, MAX_WAIT_MS);

/** Once the cells are on the screen, which need all of a slow line; or where none come. Again, where nobody answers. */
function loadLater() {
  requestAnimationFrame(() => setTimeout(importLater));
}

function importLater() {
  import(document.body.dataset.later ?? "").catch(() => setTimeout(importLater, AGAIN_MS));
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
