// Keys of the grid: arrows, Home/End, PgUp/PgDn, type-ahead on the name, Enter, Space, o, t, /, ?.

import { t, tPieces } from "./catalogue.js";
import { $, html, show } from "./dom.js";
import { targetOf } from "./moves.js";
import { areEverywhere, isOwnKey, MOVE_KEYS } from "./own-keys.js";
import "./texts-dialogs.js";

/** @import { Grid } from "./grid.js" */

/**
 * What the keys do on the page; those that are of an instance get its id.
 * @typedef {Record<"details" | "select" | "extend" | "optOut", (id: string) => void> &
 *   Record<"selectAll" | "table" | "filter" | "sheet" | "escape", () => void>} KeyActs
 */

const TYPE_AHEAD = 900; // ms between two letters of one name

const PAGE_KEYS = html`<kbd>t</kbd> <kbd>/</kbd> <kbd>?</kbd>`;

/** @type {[string[], string][]} */
const KEY_SHEET = [
  [["←", "→", "↑", "↓"], t("keys.move")],
  [["Home", "End"], t("keys.ends")],
  [["PgUp", "PgDn"], t("keys.groups")],
  [["0–9"], t("keys.number")],
  [["Enter"], t("keys.details")],
  [["Space"], t("keys.select")],
  [["Shift", "Space"], t("keys.select_between")],
  [["a"], t("keys.select_all")],
  [["o"], t("keys.opt_out")],
  [["t"], t("keys.table")],
  [["/"], t("keys.filter")],
  [["Esc"], t("keys.close")],
  [["?"], t("keys.sheet")],
];

/**
 * Listens to the keys. `find`: the id of the instance whose number begins with these digits.
 * @param {Grid} grid
 * @param {KeyActs} acts
 * @param {(digits: string) => string | undefined} find
 */
export function listenKeys(grid, acts, find) {
  const ahead = typeAhead(find);
  document.addEventListener("keydown", (event) => {
    if (!isOwnKey(event)) return;
    if (event.key === "Escape") return acts.escape();
    const page = { t: acts.table, "/": acts.filter, "?": acts.sheet }[event.key];
    const act = page || ofGrid(event, grid, acts, ahead);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/**
 * @param {KeyboardEvent} event
 * @param {Grid} grid
 * @param {KeyActs} acts
 * @param {(digit: string) => string | undefined} ahead
 * @returns {(() => void) | null}
 */
function ofGrid(event, grid, acts, ahead) {
  const go = (/** @type {string | undefined} */ id) => id !== undefined && grid.rove(id);
  if (MOVE_KEYS.has(event.key)) return () => go(targetOf(event.key, grid));
  if (event.key === "a") return acts.selectAll;
  if (/^\d$/.test(event.key)) return () => go(ahead(event.key));
  return grid.focused === null ? null : ofInstance(event, grid.focused, acts);
}

/**
 * @param {KeyboardEvent} event
 * @param {string} id of the instance that has the focus
 * @param {KeyActs} acts
 * @returns {(() => void) | null}
 */
function ofInstance({ key, shiftKey }, id, acts) {
  if (key === "Enter") return () => acts.details(id);
  if (key === " ") return () => (shiftKey ? acts.extend : acts.select)(id);
  return key === "o" ? () => acts.optOut(id) : null;
}

/**
 * @param {(digits: string) => string | undefined} find
 * @returns {(digit: string) => string | undefined}
 */
function typeAhead(find) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let typed = "";
  return (digit) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      typed = "";
    }, TYPE_AHEAD);
    return find((typed += digit));
  };
}

/** @param {[string[], string]} entry */
const row = ([keys, does]) =>
  html`<dt>${keys.map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${does}</dd>`;

export function showSheet() {
  show(
    $("#sheet"),
    html`<form method="dialog"><h2>${t("keys.title")}</h2><dl class="pairs">${KEY_SHEET.map(row)}</dl>
    <label class="choice"><input type="checkbox" data-act="keys" data-on="change"><span>${tPieces("keys.anywhere", { keys: PAGE_KEYS })}
      <span class="quiet">${t("keys.off")}</span></span></label>
    <div class="actions"><button class="button">${t("keys.done")}</button></div></form>`,
  );
  $("#sheet input").checked = areEverywhere();
  $("#sheet").showModal();
}
