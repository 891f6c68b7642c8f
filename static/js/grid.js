// The grid: real buttons, one node each; only the cells that a message touched are painted, and of those only what differs.

import { batchesOf } from "./batches.js";
import { count, keep, newCell, newGroup, roomOf, set } from "./cells.js";
import { gapOf, isSmall, sizeFor } from "./fit.js";
import { faceOf } from "./faces.js";
import { grouped, matches } from "./view.js";

const ASKING_AT_MOST = 10000; // ms

export class Grid {
  /** view: {group, by, filter}, shared with the page. */
  constructor(root, view) {
    this.root = root;
    this.view = view;
    this.cells = []; // by place
    this.known = new Map(); // id -> its cell
    this.groups = new Map(); // "batch 3" -> its heading
    this.order = []; // of each group its places
    /** @type {string[]} */
    this.keys = []; // of each group its key
    /** @type {any[]} */
    this.headings = []; // of each group
    this.selected = view.selected ?? new Set(); // ids: they survive a rebuild
    this.asking = new Set(); // ids of cells whose answer has not come on the feed yet
    this.focused = null; // an id
    this.size = 0; // of a cell, in pixels
    this.isNarrow = false;
    addEventListener("resize", () => this.fit());
  }

  /** Puts every cell where it belongs: first, and when the grouping or the instances changed. A cell that is there is kept, and moved only where it must be. */
  build(board) {
    this.board = board;
    for (const id of this.selected) if (!board.places.has(id)) this.selected.delete(id);
    const groups = grouped(board.instances, this.view.group);
    const refocus = this.root.contains(document.activeElement);
    this.order = groups.map(([, list]) => list);
    this.keys = groups.map(([key]) => String(key));
    this.cells = board.instances.map((one, place) => this.cellFor(one.id, place));
    this.headings = groups.map(([key], row) => this.headingFor(key, this.order[row]));
    keep(this.root, this.headings);
    this.forget(board);
    this.fit();
    this.paint(board, new Set(board.instances.keys()));
    this.count();
    this.rove(
      board.places.has(this.focused) ? this.focused : board.instances[this.order[0]?.[0]]?.id,
      refocus,
    );
  }

  cellFor(id, place) {
    let cell = this.known.get(id);
    if (!cell) this.known.set(id, (cell = newCell()));
    if (cell.dataset.i !== String(place)) cell.dataset.i = place;
    return cell;
  }

  headingFor(key, list) {
    const name = `${this.view.group} ${key}`;
    let heading = this.groups.get(name);
    if (!heading) this.groups.set(name, (heading = newGroup(this.view.group, key)));
    keep(
      heading.cells,
      list.map((place) => this.cells[place]),
    );
    return heading;
  }

  /** What no instance and no group of the board is shown by any more. */
  forget(board) {
    for (const id of this.known.keys()) if (!board.places.has(id)) this.known.delete(id);
    for (const [name, heading] of this.groups) if (!heading.isConnected) this.groups.delete(name);
  }

  /** Gives the cells their size. It shrinks when groups need more room; it grows only where the window or the grouping is another one, or `again`. */
  fit({ again = false } = {}) {
    const room = roomOf(this.root),
      chosen = `${innerWidth} ${innerHeight} ${this.view.group}`;
    if (room.width <= 0) return; // the table is shown
    const size = Math.min(
      sizeFor(
        this.order.map((list) => list.length),
        room,
      ),
      chosen === this.chosen && !again ? this.size : Infinity,
    );
    this.chosen = chosen;
    if (size === this.size && room.isNarrow === this.isNarrow) return;
    Object.assign(this, { size, isNarrow: room.isNarrow });
    this.root.style.setProperty("--size", `${size}px`);
    this.root.style.setProperty("--gap", `${gapOf(size)}px`);
    this.root.classList.toggle("small", isSmall(size));
    this.root.classList.toggle("narrow", room.isNarrow);
  }

  paint(board, touched) {
    this.board = board;
    for (const place of touched) this.paintCell(this.cells[place], board.instances[place]);
  }

  /** The headings; called less often than `paint`: numbers are read, not watched. */
  count() {
    const batches = this.view.group === "batch" ? batchesOf(this.board) : [];
    this.headings.forEach((heading, row) => {
      const mine = this.order[row].map((place) => this.board.instances[place]);
      count(
        heading,
        mine,
        batches.find((one) => String(one.number) === this.keys[row]),
      );
    });
  }

  /** Only what differs is written: each attribute that changes has the style of its cell found anew. */
  paintCell(cell, instance) {
    if (!cell) return;
    const face = faceOf(instance, this.view.by),
      { id } = instance;
    const isOut = Boolean(instance.opt_out) && face.code !== "opted-out";
    const words = `${instance.name}, ${face.word.toLowerCase()}${isOut ? ", opted out" : ""}${instance.zone ? `, zone ${instance.zone}` : ""}`;
    set(cell, "data-fill", face.fill);
    set(cell, "data-state", face.code);
    set(cell, "aria-label", words);
    set(cell, "title", `${instance.name} · ${face.word}`);
    set(
      cell,
      "class",
      `cell${isOut ? " locked" : ""}${matches(instance, this.view.filter, this.view.by) ? "" : " dim"}`,
    );
    set(cell, "aria-selected", String(this.selected.has(id)));
    set(cell, "aria-busy", this.asking.has(id) ? "true" : null);
    set(cell, "aria-current", this.view.open === id ? "true" : null);
  }

  /** Marks cells as asked: till the feed answers, or for a while; `over` is called then. */
  ask(ids, over) {
    ids.forEach((id) => this.asking.add(id));
    setTimeout(() => {
      ids.forEach((id) => this.asking.delete(id));
      over();
    }, ASKING_AT_MOST);
  }

  /** Roving tabindex: exactly one cell can be reached with Tab. */
  rove(id, focus = true) {
    this.cellOf(this.focused)?.setAttribute("tabindex", "-1");
    this.focused = id ?? null;
    const cell = this.cellOf(id);
    cell?.setAttribute("tabindex", "0");
    if (focus) cell?.focus();
  }

  /** Scrolls to a group, and leads to its first cell. */
  reach(key) {
    const row = this.keys.indexOf(key);
    this.headings[row]?.scrollIntoView({ block: "center" });
    if (row >= 0) this.rove(this.board.instances[this.order[row][0]].id);
  }

  /** All ids in the order in which they stand; those alone that the filter shows. */
  get shown() {
    return this.order
      .flat()
      .map((place) => this.board.instances[place])
      .filter((one) => matches(one, this.view.filter, this.view.by))
      .map((one) => one.id);
  }

  /** The id of the cell that this element is, or is in. */
  idOf(element) {
    const cell = element.closest?.(".cell");
    return cell ? this.board?.instances[Number(cell.dataset.i)]?.id : undefined;
  }

  cellOf(id) {
    return this.cells[this.board?.places.get(id)];
  }

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
      case "ArrowRight":
        return flat[at + 1];
      case "ArrowLeft":
        return flat[at - 1];
      case "Home":
        return list[0];
      case "End":
        return list.at(-1);
      case "PageDown":
        return this.order[row + 1]?.[0];
      case "PageUp":
        return this.order[list[0] === place ? row - 1 : row]?.[0];
      case "ArrowDown":
        return this.vertical(1, flat, at);
      case "ArrowUp":
        return this.vertical(-1, flat, at);
    }
  }

  /** The nearest cell of the next visual row: groups wrap as the window likes. */
  vertical(way, flat, at) {
    const from = this.cells[flat[at]].getBoundingClientRect();
    let best,
      gap = Infinity,
      top;
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
