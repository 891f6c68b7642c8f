// What a grid is made of: a cell, which is one node, a group, and what is written to them.

import { t } from "./catalogue.js";
import { $, html, show, write } from "./dom.js";
import { faceOf } from "./faces.js";
import { LARGEST } from "./fit.js";
import { LANGUAGE } from "./locale.js";
import { GROUPS, matches, tally } from "./view.js";

/**
 * @import { Batch } from "./batches.js"
 * @import { Instance } from "./board.js"
 * @import { Grouping, View } from "./view.js"
 * @import { Room } from "./fit.js"
 *
 * A cell, with the attributes that were written to it: asking the document for them costs more.
 * @typedef {HTMLElement & { written?: Record<string, string | null> }} Cell
 *
 * A group: its heading, and the element that its cells are in.
 * @typedef {HTMLElement & { cells: HTMLElement }} Heading
 */

const CELL = {
  type: "button",
  class: "cell",
  role: "gridcell",
  tabindex: "-1",
  "data-act": "cell",
};

/** @returns {Cell} */
export function newCell() {
  const cell = document.createElement("button");
  for (const [name, value] of Object.entries(CELL)) cell.setAttribute(name, value);
  return cell;
}

/**
 * @param {Grouping} by
 * @param {string | number} key
 * @returns {Heading}
 */
export function newGroup(by, key) {
  const label = GROUPS[by].label(key),
    heading = document.createElement("div");
  heading.className = "group";
  heading.setAttribute("role", "row");
  heading.setAttribute("aria-label", label);
  heading.dataset.key = String(key);
  show(
    heading,
    html`<div class="group-in"><div class="group-name" role="rowheader"><b>${label}</b><span class="small quiet plan"></span><span class="small quiet push"></span></div><div class="cells" role="none"></div></div>`,
  );
  return Object.assign(heading, { cells: $(".cells", heading) });
}

/**
 * Makes these the children, in this order; those that stand right are left alone.
 * @param {Element} parent
 * @param {Element[]} wanted
 */
export function keep(parent, wanted) {
  const stays = new Set(wanted);
  for (const child of [...parent.children]) if (!stays.has(child)) child.remove();
  let next = parent.firstChild;
  for (const child of wanted) {
    if (child === next) next = next.nextSibling;
    else parent.insertBefore(child, next);
  }
}

/**
 * Only what differs is written: each attribute that changes has the style of its cell found anew.
 * @param {Cell} cell
 * @param {Instance} instance
 * @param {View} view
 * @param {{ isAsked: boolean }} has
 */
export function paintCell(cell, instance, view, { isAsked }) {
  const { id, name, zone } = instance,
    face = faceOf(instance, view.by);
  const isOut = Boolean(instance.opt_out) && face.code !== "opted-out";
  const state = face.word.toLocaleLowerCase(LANGUAGE);
  const words = [state, isOut && t("cell.opted_out"), zone && t("cell.zone", { zone })];
  set(cell, "data-fill", face.fill);
  set(cell, "data-state", face.code);
  set(cell, "aria-label", [name, ...words].filter(Boolean).join(", "));
  set(cell, "title", `${name} · ${face.word}`);
  const classes = [isOut && "locked", !matches(instance, view.filter, view.by) && "dim"];
  set(cell, "class", ["cell", ...classes].filter(Boolean).join(" "));
  set(cell, "aria-selected", String(view.selected.has(id)));
  set(cell, "aria-busy", isAsked ? "true" : null);
  set(cell, "aria-current", view.open === id ? "true" : null);
}

/**
 * Writes an attribute where it differs; null takes it away.
 * @param {Cell} cell
 * @param {string} name
 * @param {string | null} value
 */
export function set(cell, name, value) {
  const written = (cell.written ??= {});
  if (written[name] === value) return;
  written[name] = value;
  if (value === null) cell.removeAttribute(name);
  else cell.setAttribute(name, value);
}

const NARROW = 704; // pixels: below, a group's name stands above its cells
const BESIDE = 1120; // pixels: from here on the instruments stand beside the grid
const NAME = 176; // pixels: the column of the names
const FOOT = 32;

/**
 * What the grid has for its cells: from where it begins to the foot of the window; where much stands above it, a window of its own.
 * @param {Element} root
 * @returns {Room & { isNarrow: boolean }}
 */
export function roomOf(root) {
  const box = root.getBoundingClientRect(),
    isNarrow = box.width < NARROW;
  const top = innerWidth < BESIDE ? 2 * FOOT : box.top + scrollY;
  return {
    isNarrow,
    width: Math.floor(box.width - (isNarrow ? 0 : NAME)),
    height: Math.max(innerHeight / 2, innerHeight - top - FOOT),
    label: isNarrow ? 0 : 18,
    above: isNarrow ? 32 : 0,
    largest: isNarrow ? 28 : innerWidth >= 2400 ? 1.5 * LARGEST : LARGEST,
    isTouched: matchMedia("(pointer: coarse)").matches,
  };
}

/**
 * How many of a group are up to date. `batch`: where the groups are batches, the one that it is; planned, or the one that runs.
 * @param {Heading} heading
 * @param {Instance[]} mine
 * @param {Batch | undefined} batch
 */
export function paintHeading(heading, mine, batch) {
  write($(".push", heading), tally(mine, batch));
  write($(".plan", heading), batch?.planned ? t("cell.planned") : "");
  const isNow = batch !== undefined && !batch.planned && !batch.ended;
  heading.classList.toggle("now", isNow);
}
