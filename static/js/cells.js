// What a grid is made of: a cell, which is one node, a group, and what is written to them.

import { $, html, show } from "./dom.js";
import { LARGEST } from "./fit.js";
import { GROUPS, tally } from "./view.js";

export function newCell() {
  const cell = document.createElement("button");
  for (const [name, value] of Object.entries(CELL)) cell.setAttribute(name, value);
  return cell;
}

const CELL = {
  type: "button",
  class: "cell",
  role: "gridcell",
  tabindex: "-1",
  "data-act": "cell",
};

export function newGroup(by, key) {
  const label = GROUPS[by].label(key);
  const heading = /** @type {HTMLDivElement & { cells: HTMLElement }} */ (
    document.createElement("div")
  );
  heading.className = "group";
  heading.setAttribute("role", "row");
  heading.setAttribute("aria-label", label);
  heading.dataset.key = key;
  show(
    heading,
    html`<div class="group-in"><div class="group-name" role="rowheader"><b>${label}</b><span class="small quiet plan"></span><span class="small quiet push"></span></div><div class="cells" role="none"></div></div>`,
  );
  heading.cells = $(".cells", heading);
  return heading;
}

/** Makes these the children, in this order; those that stand right are left alone. */
export function keep(parent, wanted) {
  const stays = new Set(wanted);
  for (const child of [...parent.children]) if (!stays.has(child)) child.remove();
  let next = parent.firstChild;
  for (const child of wanted) {
    if (child === next) next = next.nextSibling;
    else parent.insertBefore(child, next);
  }
}

/** Values that were written are kept on the element: asking the document for them costs more. */
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

/** What the grid has for its cells: from where it begins to the foot of the window; where much stands above it, a window of its own. */
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

/** How many of a group are up to date. `batch`: where the groups are batches, the one that it is; planned, or the one that runs. */
export function count(heading, mine, batch) {
  write($(".push", heading), tally(mine, batch));
  write($(".plan", heading), batch?.planned ? "planned" : "");
  heading.classList.toggle("now", Boolean(batch) && !batch.planned && !batch.ended);
}

function write(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
