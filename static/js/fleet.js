// The fleet page: totals, what needs a person, one row per scale set. Every board comes from the feed; only what
// changed is painted.

import { need, quiet } from "./attention.js";
import { consider } from "./confirm.js";
import { hearStop } from "./fleet-stop.js";
import { $, $$, html, painter, show } from "./dom.js";
import { Feed } from "./feed.js";
import { heldTime, isFrozen } from "./frozen.js";
import { byName, many, number, percentText, since, zoneName } from "./format.js";
import { Minis } from "./mini.js";
import { needsOf } from "./needs.js";
import { newRow, paintRow } from "./rows.js";
import { openShell, say, standing } from "./shell.js";
import { FILLS, isReady } from "./state.js";
import { classOf, pickedIn, PICKS, summaryOf, totalsOf } from "./summary.js";

const KNOWN = (document.body.dataset.sets ?? "").split(",").filter(Boolean);
const MAX_WAIT_MS = 8000; // ms: then what there is is shown
const AT_FIRST = 20; // rows that are painted before anybody knows which are in sight
const body = $("#sets");
const fleet = new Map(); // key -> {board, sum, needs, rank}; sum is null while it has to be counted again
const rows = new Map($$("tr", body).map((row) => [row.dataset.key, row]));
const missing = new Set(KNOWN); // no word of them yet: totals would be wrong
const inSight = new Set(); // keys: rows elsewhere are painted when they come into sight
const isPrinted = matchMedia("print"); // then all rows are in sight
const watcher = new IntersectionObserver(sight, { rootMargin: "50%" });
let order = "",
  only = pickedIn(location.search);

openShell({ automatic: considerSwitch, only: choose });
const ask = painter(paint, 200); // a glance from afar needs no ten pictures a second, and a hundred rows cost some
const minis = new Minis(() => {
  for (const one of fleet.values()) one.painted = false;
  ask();
});
const feed = new Feed({ known: KNOWN, hear, standing });
for (const row of rows.values()) watcher.observe(row);
setInterval(() => isFrozen() || ask(), 1000); // what is counted in seconds
addEventListener("popstate", () => {
  only = pickedIn(location.search);
  order = "";
  ask();
});
isPrinted.addEventListener("change", paintAnew);
addEventListener("beforeprint", paintAnew);
setTimeout(appear, MAX_WAIT_MS);
body.addEventListener("pointerleave", ask);
body.addEventListener("focusout", ask);

/** What would follow from turning automatic upgrades the other way. */
function considerSwitch(control) {
  const isOn = control.getAttribute("aria-checked") === "true";
  consider(`${control.closest("tr").dataset.url}would/automatic/?on=${!isOn}`, control);
}

function hear(board, key) {
  hearStop(key, board);
  missing.delete(key);
  if (board && !isReady(board)) return;
  if (board) fleet.set(key, { ...fleet.get(key), board, sum: null, painted: false });
  else forget(key);
  ask();
}

function sight(entries) {
  for (const { target, isIntersecting } of entries)
    inSight[isIntersecting ? "add" : "delete"](target.dataset.key);
  ask();
}

/**
 * All at once, when every scale set has said what it has: what comes by and by would push away what somebody is about
 * to click.
 */
function appear() {
  if (!$("#main").classList.contains("loading")) return;
  $("#main").classList.remove("loading");
  order = "";
  place();
  for (const row of [...body.children].slice(0, AT_FIRST)) inSight.add(row.dataset.key);
}

function forget(key) {
  fleet.delete(key);
  inSight.delete(key);
  rows.get(key)?.remove();
  rows.delete(key);
  order = "";
}

/** At once: what is printed is the page as it is after this event. */
function paintAnew() {
  minis.forget();
  paint();
}

function paint() {
  const now = heldTime(feed.now());
  for (const one of fleet.values()) count(one, now);
  if (!missing.size) appear();
  place();
  paintRows();
  paintTotals();
  paintNeeds(now);
}

/** Everything that is said of a scale set, counted anew where it changed; what depends on the time, each second. */
function count(one, now) {
  if (one.sum && now < one.counted + 1000) return;
  one.counted = now;
  one.sum ??= summaryOf(one.board);
  one.needs = needsOf(one.board, one.sum, now);
  one.rank = classOf(one.sum, one.needs);
}

/** Rows of one class keep their order, and nothing moves under the pointer or the focus. */
function place() {
  for (const [key, { board }] of fleet) if (!rows.has(key)) addRow(key, board);
  $("#none").hidden = rows.size > 0;
  $("#all-sets").hidden = !rows.size;
  if (order && body.matches(":hover, :focus-within")) return;
  const keys = [...rows.keys()].sort((a, b) => rankOf(a) - rankOf(b) || byName(a, b));
  const next = keys.map((key) => `${key} ${isPicked(key)}`).join();
  if (next === order) return;
  order = next;
  keys.forEach((key, i) => {
    if (body.children[i] !== rows.get(key))
      body.insertBefore(rows.get(key), body.children[i] ?? null);
  });
  for (const key of keys) rows.get(key).hidden = !isPicked(key);
  paintChoice(keys.filter(isPicked).length, keys.length);
}

function addRow(key, board) {
  const row = newRow(board);
  rows.set(key, row);
  body.append(row);
  watcher.observe(row);
}

const rankOf = (key) => fleet.get(key)?.rank ?? 3;
function isPicked(key) {
  const one = fleet.get(key);
  return !PICKS[only] || Boolean(one && PICKS[only](one.sum, one.needs));
}

function paintRows() {
  const shown = [...inSight]
    .map((key) => $("canvas", rows.get(key)))
    .find((canvas) => !canvas.hidden);
  if (shown) minis.watch(shown);
  for (const [key, one] of fleet) {
    if (one.painted || !(inSight.has(key) || isPrinted.matches)) continue;
    paintRow(rows.get(key), one.board, one.sum, minis);
    one.painted = true;
  }
}

function paintTotals() {
  if (missing.size) return;
  const all = totalsOf([...fleet.values()].map((one) => one.sum));
  const needs = [...fleet.values()].filter((one) => one.needs.length).length;
  const share = all.eligible ? percentText(Math.floor((100 * all.current) / all.eligible)) : "–";
  const { size, moving, sick, out } = all;
  const values = {
    all: number(size),
    latest: share,
    moving: number(moving),
    bad: number(sick),
    out: number(out),
    needs: number(needs),
  };
  for (const [name, value] of Object.entries(values))
    write($(`#figures [data-key="${name}"] .number`), value);
  show($("#all"), html`${FILLS.map((fill) => html`<i data-fill="${fill}"></i>`)}`);
  for (const part of $("#all").children) {
    part.style.flexGrow = all.fills[part.dataset.fill];
    part.hidden = !all.fills[part.dataset.fill];
  }
  say(
    needs
      ? `${many(needs, "scale set needs", "scale sets need")} attention.`
      : "Nothing needs attention.",
  );
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function paintNeeds(now) {
  if (missing.size) return;
  const list = [...fleet.values()].flatMap(({ board, needs }) =>
    needs.map((one) => ({ ...one, set: board.scale_set })),
  );
  list.sort(
    (a, b) =>
      Number(b.fill === "failure") - Number(a.fill === "failure") || byName(a.set.name, b.set.name),
  );
  const calm = isStale()
    ? "Nothing needed attention at the last update."
    : "Nothing needs attention.";
  show(
    $("#needs"),
    list.length ? html`${list.map(need)}` : html`<li class="quiet calm">${calm}</li>`,
  );
  show($("#quiet"), html`${quiet([...fleet.values()].map((one) => one.board))}`);
  for (const time of $$("#needs time")) write(time, since(Number(time.dataset.at), now));
}

const isStale = () => document.body.classList.contains("stale");

function paintChoice(shown, all) {
  for (const link of $$("#figures a")) {
    if ((only || "all") === link.dataset.key) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const ofAll = PICKS[only] ? `${number(shown)} of ${number(all)} shown` : "";
  const order = `${number(all)}, active and needing attention first`;
  show($("#shown"), html`${ofAll || order}. Times are in ${zoneName()}.`);
  $("#no-match").hidden = shown > 0 || !all;
}

/** A headline number is a link; a plain click filters in place. */
function choose(link, event) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  only = pickedIn(location.search);
  order = "";
  ask();
}
