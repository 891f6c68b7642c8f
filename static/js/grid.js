// The grid: real buttons, built once per grouping; afterwards only the cells that a message touched are painted.

import { $, $$, glyph, glyphAddress, html, show } from "./dom.js";
import { faceOf, isDone } from "./state.js";
import { proper } from "./surges.js";
import { grouped, GROUPS, matches } from "./view.js";

const ASKING_AT_MOST = 10000; // ms
const MOST_SETTLING = 16; // cells whose colours may settle slowly at once: many would keep a slow machine painting all the time

export class Grid {
  /** view: {group, by, filter}, shared with the page. */
  constructor(root, view) {
    this.root = root;
    this.view = view;
    this.cells = [];
    this.order = [];
    this.selected = new Set(); // ids: they survive a rebuild
    this.asking = new Set(); // ids of cells whose answer has not come on the feed yet
    this.focused = null; // an id
  }

  /** Builds every cell again: first, and when the grouping or the instances changed. */
  build(board) {
    this.board = board;
    for (const id of this.selected) if (!board.places.has(id)) this.selected.delete(id);
    const groups = grouped(board.instances, this.view.group);
    const widest = Math.max(1, ...groups.map(([, list]) => list.length));
    const hadFocus = this.root.contains(document.activeElement);
    this.root.style.setProperty("--cols", Math.min(40, Math.max(10, widest)));
    this.root.replaceChildren();
    this.root.shown = null;
    show(this.root, html`${groups.map(([key, list]) => group(this.view.group, key, list, board))}`);
    this.cells = [];
    for (const cell of $$(".cell", this.root)) this.cells[Number(cell.dataset.i)] = cell;
    this.order = groups.map(([, list]) => list);
    this.headings = $$(".group", this.root);
    this.paint(board, new Set(board.instances.keys()));
    this.rove(board.places.has(this.focused) ? this.focused : board.instances[this.order[0]?.[0]]?.id, hadFocus);
  }

  paint(board, touched) {
    this.board = board;
    this.root.classList.toggle("brisk", touched.size > MOST_SETTLING);
    for (const place of touched) this.paintCell(this.cells[place], board.instances[place]);
    this.headings?.forEach((heading, row) => count(heading, this.order[row], board, this.view.group));
  }

  paintCell(cell, instance) {
    if (!cell) return;
    const face = faceOf(instance, this.view.by);
    cell.dataset.fill = face.fill;
    cell.dataset.state = face.code;
    cell.firstChild.firstChild.setAttribute("href", glyphAddress(face.glyph)); // svg, use
    cell.setAttribute("aria-label", [instance.name, face.word.toLowerCase(), instance.opt_out && face.code !== "opted-out" && "opted out", instance.zone && `zone ${instance.zone}`].filter(Boolean).join(", "));
    cell.title = `${instance.name} · ${face.word}`;
    cell.classList.toggle("locked", Boolean(instance.opt_out) && face.code !== "opted-out");
    cell.classList.toggle("dim", !matches(instance, this.view.filter, this.view.by));
    cell.setAttribute("aria-selected", this.selected.has(instance.id));
    cell.toggleAttribute("aria-busy", false);
    if (this.asking.has(instance.id)) cell.setAttribute("aria-busy", "true");
  }

  /** Marks cells as asked: till the feed answers, or for a while; `over` is called then. */
  ask(ids, over) {
    ids.forEach((id) => this.asking.add(id));
    setTimeout(() => { ids.forEach((id) => this.asking.delete(id)); over(); }, ASKING_AT_MOST);
  }

  /** Roving tabindex: exactly one cell can be reached with Tab. */
  rove(id, focus = true) {
    this.cellOf(this.focused)?.setAttribute("tabindex", "-1");
    this.focused = id ?? null;
    const cell = this.cellOf(id);
    cell?.setAttribute("tabindex", "0");
    if (focus) cell?.focus();
  }

  cellOf(id) { return this.cells[this.board?.places.get(id)]; }

  /** The id to which an arrow or a page key leads from the focused cell. */
  target(key) {
    const place = this.board.places.get(this.focused);
    const row = this.order.findIndex((list) => list.includes(place));
    if (row < 0) return undefined;
    const to = this.step(key, this.order[row], row, place);
    return to === undefined ? undefined : this.board.instances[to].id;
  }

  step(key, list, row, place) {
    const flat = this.order.flat();
    const at = flat.indexOf(place);
    switch (key) {
      case "ArrowRight": return flat[at + 1];
      case "ArrowLeft": return flat[at - 1];
      case "Home": return list[0];
      case "End": return list.at(-1);
      case "PageDown": return this.order[row + 1]?.[0];
      case "PageUp": return this.order[list[0] === place ? row - 1 : row]?.[0];
      case "ArrowDown": return this.vertical(1, flat, at);
      case "ArrowUp": return this.vertical(-1, flat, at);
    }
  }

  /** The nearest cell of the next visual row: groups wrap as the window likes. */
  vertical(way, flat, at) {
    const from = this.cells[flat[at]].getBoundingClientRect();
    let best, gap = Infinity, top;
    for (let i = at + way; flat[i] !== undefined; i += way) {
      const box = this.cells[flat[i]].getBoundingClientRect();
      if (Math.abs(box.top - from.top) <= 1) continue;
      top ??= box.top;
      if (Math.abs(box.top - top) > 1) break;
      const far = Math.abs(box.left - from.left);
      if (far < gap) [best, gap] = [flat[i], far];
    }
    return best;
  }
}

function group(by, key, list, board) {
  const label = GROUPS[by].label(key);
  return html`<div class="group" role="row" aria-label="${label}" data-key="${key}"><div class="group-in">
    <div class="group-name" role="rowheader"><b>${label}</b><span class="small quiet plan"></span><span class="small quiet push"></span></div>
    <div class="cells" role="none">${list.map((place) => html`<button type="button" class="cell" role="gridcell" tabindex="-1" data-act="cell" data-i="${place}">${glyph("pending")}</button>`)}</div></div></div>`;
}

function count(heading, list, board, by) {
  const mine = proper(list.map((place) => board.instances[place]));
  const text = `${mine.filter(isDone).length} / ${mine.length}`;
  write($(".push", heading), text);
  write($(".plan", heading), by === "batch" && heading.dataset.key !== "0" && board.instances[list[0]].batch === null ? "planned" : "");
  const running = board.upgrade?.batches.findLast((one) => !one.finished_at);
  heading.classList.toggle("now", by === "batch" && Boolean(running) && !board.upgrade.ended_at && String(running.number) === heading.dataset.key);
}

function write(place, text) { if (place.textContent !== text) place.textContent = text; }
