// The wallboard: one sentence, big counts, all instances on one canvas, and the truth about its own feed (docs/wallboards.md).

import { isReady } from "./board.js";
import { $, find, glyphAddress, painter } from "./dom.js";
import { Feed } from "./feed.js";
import { countAgain } from "./fleet-counts.js";
import { byName } from "./format.js";
import { loadGlyphs } from "./glyph-paths.js";
import { MapCanvas } from "./map-canvas.js";
import { t } from "./catalogue.js";
import { watchBuild, watchEngine } from "./wall-checks.js";
import { newsOf } from "./wall-news.js";
import { optionsIn } from "./wall-options.js";
import { driftNow, paintFrame } from "./wall-frame.js";
import { paintTwin, speak } from "./wall-twin.js";
import { endOf, fleetSays, setSays } from "./wall-say.js";
import { nextTurn, worstFirst } from "./wall-shown.js";
import "./texts-wall.js";

/**
 * @import { Board, EmptyBoard } from "./board.js"
 * @import { Counted } from "./fleet-counts.js"
 * @import { ConnectionState } from "./wall-news.js"
 * @import { Turn } from "./wall-shown.js"
 */

const MAX_WAIT_MS = 8000; // for the first snapshots: then what there is is shown
const PAINT_EVERY = 200; // ms: from afar nobody sees ten pictures a second, and on a large screen each costs some
const BEGAN = performance.now();
const { dataset } = document.documentElement;
const { options, problems } = optionsIn(location.search, (dataset.languages ?? "en").split(","));
/** The token of this link stands in the page's address, and nowhere else. */
const token = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1) ?? "");

if (options.theme === "auto") delete dataset.theme;
else dataset.theme = options.theme;
document.body.style.setProperty("--edge", `${(100 - options.fit) / 2}vmin`);

/** @type {Map<string, Counted>} */
const fleet = new Map();
/** Since when a snapshot of each is asked for, in ms. @type {Map<string, number>} */
const asked = new Map();
/** @type {ConnectionState} */
const connection = { kind: "connecting", details: {}, late: 0, lateKey: "", engine: 0, fault: 0 };
/** @type {Turn} */
let turn = { key: "", since: 0 };
/** Boards that changed since they were counted. @type {Map<string, Board>} */
const changed = new Map();

const ask = painter(paintSafely, PAINT_EVERY);
const map = new MapCanvas($("canvas"), {
  sizes: () => ({ unit: unitNow(), text: 2 * unitNow() }),
  changed: ask,
});
const feed = new Feed({
  sets: options.sets,
  token,
  hear,
  showConnection(kind, details) {
    // Refused since it was refused; the feed does not say when.
    const since = kind === connection.kind ? connection.details.since : Date.now();
    Object.assign(connection, { kind, details: kind === "signed-out" ? { since } : details });
    ask();
  },
});

/** The unit of the page's sizes, in CSS pixels: the header has 2.4 of them. */
function unitNow() {
  return parseFloat(getComputedStyle($("header")).fontSize) / 2.4;
}

/**
 * @param {Board | EmptyBoard | null} board
 * @param {string} key
 */
function hear(board, key) {
  if (board && isReady(board)) changed.set(key, board);
  else if (!board) forget(key);
  ask();
}

/** @param {string} key */
function forget(key) {
  fleet.delete(key);
  changed.delete(key);
  if (options.sets?.includes(key)) say(t("wall.no_set", { set: key }));
}

/** What is wrong with the address is said on the screen. @param {string} problem */
function say(problem) {
  if (!problems.includes(problem)) problems.push(problem);
}

function count() {
  const now = feed.now();
  for (const [key, { board }] of fleet) if (!changed.has(key)) changed.set(key, board);
  for (const [key, board] of changed) fleet.set(key, countAgain(board, fleet.get(key), now));
  changed.clear();
}

/** Each second: time goes by, and what has waited too long is found out. */
function tick() {
  const now = Date.now();
  for (const key of asked.keys()) if (!feed.waiting.has(key)) asked.delete(key);
  for (const key of feed.waiting.keys()) if (!asked.has(key)) asked.set(key, now);
  const [[lateKey, late] = ["", 0]] = [...asked].sort((a, b) => a[1] - b[1]);
  Object.assign(connection, { late, lateKey });
  ask();
}

/** Asleep, or in the background: what is on the screen is as old as that. */
function wake() {
  feed.link.watch();
  tick();
}

function isComplete() {
  const boards = [...feed.boards.values()];
  const isAll = boards.length > 0 && boards.every((board) => isReady(board));
  return isAll || performance.now() - BEGAN > MAX_WAIT_MS;
}

function paint() {
  const isLoading = document.body.classList.contains("loading");
  if (isLoading && !isComplete() && connection.kind !== "stale" && connection.kind !== "signed-out")
    return;
  document.body.classList.remove("loading");
  count();
  const all = [...fleet.values()].sort((a, b) => byName(a.board.key, b.board.key)),
    worst = worstFirst(all),
    keys = worst.map(({ board }) => board.key);
  turn = nextTurn(keys, turn, { now: Date.now(), every: options.rotate * 1000 });
  const single = all.length === 1 ? all[0] : fleet.get(turn.key),
    shown = single ? [single] : all,
    says = single ? setSays(single) : fleetSays(all, worst);
  const place = single ? keys.indexOf(turn.key) + 1 : 0,
    news = newsOf(connection, Date.now());
  const sentence = paintFrame({
    says,
    news,
    shown,
    end: endOf(shown, feed.now()),
    now: feed.now(),
    clock: options.clock,
    turn: place && keys.length > 1 ? t("wall.turn", { place, of: keys.length }) : "",
    problems,
  });
  speak(sentence);
  paintTwin(all);
  map.paint(shown.map(({ board }) => board));
}

/** A wall that cannot paint any more must not go on showing what it painted last. */
function paintSafely() {
  try {
    paint();
  } catch (error) {
    breakDown(error);
  }
}

/** @param {unknown} error */
function breakDown(error) {
  if (!connection.fault) console.error(error);
  connection.fault ||= Date.now();
  document.body.classList.add("stale");
  const { sentence } = newsOf(connection, Date.now());
  const place = find("h1");
  if (place) place.textContent = sentence;
}

addEventListener("error", ({ error }) => {
  if (error) breakDown(error); // without one it is no error of a script
});
for (const name of ["pageshow", "online"]) addEventListener(name, wake);
for (const name of ["visibilitychange", "resume"]) document.addEventListener(name, wake);
setInterval(tick, 1000);
setInterval(driftNow, 60_000);
driftNow();
loadGlyphs(glyphAddress("").split("#")[0]).then(
  () => {
    map.forget();
    ask();
  },
  () => {},
);
watchEngine((isAway) => {
  connection.engine = isAway ? connection.engine || Date.now() : 0;
});
watchBuild(dataset.build ?? "", () => connection.fault > 0 || connection.kind === "signed-out");
