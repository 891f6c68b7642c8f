// The images page: the server shows the catalogue; the feed keeps its counts and says when to ask for it again.

import { isReady } from "./board.js";
import { $, $$, find, keepFocus, painter } from "./dom.js";
import { Feed } from "./feed.js";
import { hearStop } from "./fleet-stop.js";
import { dayAt, fullMomentAt } from "./format.js";
import * as publishing from "./publishing.js";
import { openShell } from "./shell.js";
import { showConnection } from "./connection.js";
import { countsBySku, imageOf, paintSku } from "./sku-counts.js";

/**
 * @import { Board, EmptyBoard } from "./board.js"
 * @import { SetImage } from "./sku-counts.js"
 */

const FETCH_EVERY = 60000; // ms: what is published of SKUs that no scale set uses comes on no feed
const KNOWN = (document.body.dataset.sets ?? "").split(",").filter(Boolean);
const catalogue = $("#skus");
/** @type {Map<string, SetImage>} */
const images = new Map();
const missing = new Set(KNOWN);
/** @type {Set<string | undefined>} SKUs whose old versions are shown */
const unfolded = new Set();
let isFetching = false,
  isStale = false,
  shown = "";

openShell({
  publish: (button) => publishing.openPublish(button.dataset.key),
  "ask-publish": publishing.askPublish,
  sku: publishing.showHint,
  use: publishing.takeSuggested,
  locations: publishing.completeLocations,
  older: unfold,
  withdraw: publishing.openWithdraw,
  "put-back": publishing.putBack,
});
const ask = painter(paint);
new Feed({ known: KNOWN, hear, showConnection });
document.addEventListener("done", closeAndFetch);
document.addEventListener("visibilitychange", fetchIfSeen);
setInterval(fetchIfSeen, FETCH_EVERY);
dress();

/**
 * @param {Board | EmptyBoard | null} board
 * @param {string} key
 */
function hear(board, key) {
  hearStop(key, board);
  missing.delete(key);
  if (board && !isReady(board)) return;
  const before = images.get(key);
  if (board) images.set(key, imageOf(board));
  else images.delete(key);
  if (needsFetch(before, images.get(key), key)) fetchAgain();
  ask();
}

/**
 * Does the catalogue say something else now than the page shows?
 * @param {SetImage | undefined} before
 * @param {SetImage | undefined} now
 * @param {string} key
 */
function needsFetch(before, now, key) {
  if (before && now && before.withdrawn !== now.withdrawn) return true;
  const isNews = before?.latest !== now?.latest || before?.sku !== now?.sku;
  return isNews && (!now || !isShown(now, key));
}

/**
 * Does the page have this version, and this scale set under its SKU?
 * @param {SetImage} image
 * @param {string} key
 */
function isShown({ sku, latest }, key) {
  const section = $$(".sku", catalogue).find(({ dataset }) => dataset.sku === sku);
  if (!section || !KNOWN.includes(key)) return false;
  return (
    !latest || $$("tr[data-version]", section).some(({ dataset }) => dataset.version === latest)
  );
}

function fetchIfSeen() {
  if (!document.hidden) fetchAgain();
}

/** Asks for the catalogue again; once more where something changed meanwhile. */
async function fetchAgain() {
  isStale = true;
  if (isFetching) return;
  isFetching = true;
  while (isStale) {
    isStale = false;
    await fetchOnce().catch(() => {}); // the next occasion asks again
  }
  isFetching = false;
}

/** Written only where it differs, and the focus stays: this happens under people's hands. */
async function fetchOnce() {
  // Signed out it leads to the page that signs in.
  const answer = await fetch($("#main").dataset.skus ?? "", { redirect: "manual" });
  const text = answer.ok ? await answer.text() : shown;
  if (text === shown) return;
  const refocus = keepFocus(catalogue);
  const open = $$(".changes[open]", catalogue).map((details) => details.id);
  catalogue.innerHTML = shown = text;
  for (const id of open) find(`#${id}`)?.setAttribute("open", "");
  dress();
  refocus();
}

/** Days in the viewer's zone, what was unfolded, and bars. */
function dress() {
  for (const time of $$("time", catalogue))
    time.textContent = "full" in time.dataset ? fullMomentAt(time.dateTime) : dayAt(time.dateTime);
  for (const section of $$(".sku", catalogue))
    section.classList.toggle("all", unfolded.has(section.dataset.sku));
  paint();
  if (find("#publish")?.open) publishing.showHint();
}

function paint() {
  const counts = missing.size ? null : countsBySku(images.values());
  for (const section of $$(".sku", catalogue))
    paintSku(section, counts && (counts.get(section.dataset.sku ?? "") ?? {}));
}

/** @param {HTMLElement} button */
function unfold(button) {
  const section = /** @type {HTMLElement} */ (button.closest(".sku"));
  const { sku } = section.dataset;
  if (!unfolded.delete(sku)) unfolded.add(sku);
  section.classList.toggle("all", unfolded.has(sku));
  button.setAttribute("aria-expanded", String(unfolded.has(sku)));
}

function closeAndFetch() {
  find("#publish")?.close();
  fetchAgain();
}
