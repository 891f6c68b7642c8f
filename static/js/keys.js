// Keys of the grid: arrows, Home/End, PgUp/PgDn, type-ahead on the name, Enter, Space, o, t, /, ?.

import { $, html, show } from "./dom.js";

const MOVES = new Set([
  "ArrowLeft",
  "ArrowRight",
  "ArrowUp",
  "ArrowDown",
  "Home",
  "End",
  "PageUp",
  "PageDown",
]);
const KEPT = "rollgrid-keys"; // "grid": those of the page act only on an instance
const TYPE_AHEAD = 900; // ms between two letters of one name

/** @type {[string[], string][]} */
const KEY_SHEET = [
  [["←", "→", "↑", "↓"], "Move between instances"],
  [["Home", "End"], "First or last of the group"],
  [["PgUp", "PgDn"], "Group before or after"],
  [["0–9"], "Go to the instance with this number"],
  [["Enter"], "Details"],
  [["Space"], "Select"],
  [["Shift", "Space"], "Select all between"],
  [["a"], "Select all that are shown"],
  [["o"], "Opt out"],
  [["t"], "Table or grid"],
  [["/"], "Filter"],
  [["Esc"], "Close, then clear selection and filter"],
  [["?"], "This sheet"],
];

/**
 * grid: the Grid; acts: {details, select, extend, selectAll, optOut, table, filter, sheet, escape}; find(digits): an id, or
 * undefined.
 */
export function listenKeys(grid, acts, find) {
  const ahead = typeAhead(find);
  document.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest("dialog")) return;
    if (event.key === "Escape") return acts.escape(event);
    if (target.closest('input:not([type="radio"]), textarea, select')) return;
    const page = mayAct(target) && { t: acts.table, "/": acts.filter, "?": acts.sheet }[event.key];
    const act =
      page || (grid.root.contains(event.target) ? ofGrid(event, grid, acts, ahead) : null);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

/** Keys of one letter can be turned off: then they act only where the focus is on an instance (WCAG 2.1.4). */
const areEverywhere = () => localStorage.getItem(KEPT) !== "grid";
const mayAct = (target) => areEverywhere() || Boolean(target.closest("#grid, #table"));
export const keepKeys = ({ checked }) => localStorage.setItem(KEPT, checked ? "page" : "grid");

function ofGrid(event, grid, acts, ahead) {
  const go = (id) => id !== undefined && grid.rove(id);
  if (MOVES.has(event.key)) return () => go(grid.target(event.key));
  if (event.key === "Enter") return () => acts.details(grid.focused);
  if (event.key === " ") return () => (event.shiftKey ? acts.extend : acts.select)(grid.focused);
  if (event.key === "a") return acts.selectAll;
  if (event.key === "o") return () => acts.optOut(grid.focused);
  if (/^\d$/.test(event.key)) return () => go(ahead(event.key));
  return null;
}

function typeAhead(find) {
  let typed = "",
    timer;
  return (digit) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      typed = "";
    }, TYPE_AHEAD);
    return find((typed += digit));
  };
}

const row = ([keys, does]) =>
  html`<dt>${keys.map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${does}</dd>`;

export function showSheet() {
  show(
    $("#sheet"),
    html`<form method="dialog"><h2>Keys</h2><dl class="pairs">${KEY_SHEET.map(row)}</dl>
    <label class="choice"><input type="checkbox" data-act="keys" data-on="change"><span><kbd>t</kbd> <kbd>/</kbd>
      <kbd>?</kbd> work anywhere on the page.
      <span class="quiet">Off: only when an instance has the focus.</span></span></label>
    <div class="actions"><button class="button">Close</button></div></form>`,
  );
  $("#sheet input").checked = areEverywhere();
  $("#sheet").showModal();
}
