// The grid: real buttons, one node each; only the cells that a message touched are painted, and of those only what differs.

import { batchesOf } from "./batches.js";
import { instanceOf } from "./board.js";
import { keep, paintCell, paintHeading, roomOf } from "./cells.js";
import { gapOf, isSmall, sizeFor } from "./fit.js";
import { GridNodes } from "./grid-nodes.js";
import { grouped, matches } from "./view.js";

/**
 * @import { Board } from "./board.js"
 * @import { Cell, Heading } from "./cells.js"
 * @import { View } from "./view.js"
 */

const MAX_ASKING_MS = 10000;

export class Grid {
  /** @type {Board | null} */
  board = null;
  /** By place. @type {Cell[]} */
  cells = [];
  nodes = new GridNodes();
  /** Of each group its places. @type {number[][]} */
  order = [];
  /** Of each group its key. @type {string[]} */
  keys = [];
  /** Of each group its heading. @type {Heading[]} */
  headings = [];
  /** Ids of cells whose answer has not come on the feed yet. @type {Set<string>} */
  asking = new Set();
  /** The id of the one cell that Tab reaches. @type {string | null} */
  focused = null;
  size = 0; // of a cell, in pixels
  isNarrow = false;
  chosenFor = ""; // the window and the grouping for which the size was chosen

  /**
   * `view` is shared with the page; its `selected` survive a rebuild.
   * @param {HTMLElement} root
   * @param {View} view
   */
  constructor(root, view) {
    this.root = root;
    this.view = view;
    addEventListener("resize", () => this.fit());
  }

  get selected() {
    return this.view.selected;
  }

  /**
   * Puts every cell where it belongs: first, and when the grouping or the instances changed. A cell that is there is kept, and moved only
   * where it must be.
   * @param {Board} board
   */
  build(board) {
    this.board = board;
    for (const id of this.selected) if (!board.places.has(id)) this.selected.delete(id);
    const groups = grouped(board.instances, this.view.group);
    const refocus = this.root.contains(document.activeElement);
    this.order = groups.map(([, places]) => places);
    this.keys = groups.map(([key]) => String(key));
    this.cells = board.instances.map(({ id }, place) => this.nodes.cellFor(id, place));
    this.headings = groups.map(([key, places]) => {
      const cells = places.map((place) => this.cells[place]);
      return this.nodes.headingFor(this.view.group, key, cells);
    });
    keep(this.root, this.headings);
    this.nodes.forgetOthers(board.places);
    this.fit();
    this.paint(board, new Set(board.instances.keys()));
    this.count();
    const still = instanceOf(board, this.focused);
    this.rove((still ?? board.instances[this.order[0]?.[0]])?.id, refocus);
  }

  /**
   * Gives the cells their size. It shrinks when groups need more room; it grows only where the window or the grouping is another one, or
   * `again`.
   */
  fit({ again = false } = {}) {
    const room = roomOf(this.root),
      chosenFor = `${innerWidth} ${innerHeight} ${this.view.group}`;
    if (room.width <= 0) return; // the table is shown
    const counts = this.order.map((places) => places.length);
    const largest = chosenFor === this.chosenFor && !again ? this.size : Infinity;
    const size = Math.min(sizeFor(counts, room), largest);
    this.chosenFor = chosenFor;
    if (size === this.size && room.isNarrow === this.isNarrow) return;
    this.size = size;
    this.isNarrow = room.isNarrow;
    this.root.style.setProperty("--size", `${size}px`);
    this.root.style.setProperty("--gap", `${gapOf(size)}px`);
    this.root.classList.toggle("small", isSmall(size));
    this.root.classList.toggle("narrow", room.isNarrow);
  }

  /**
   * @param {Board} board
   * @param {Iterable<number>} touched places
   */
  paint(board, touched) {
    this.board = board;
    for (const place of touched) {
      const cell = this.cells[place],
        instance = board.instances[place];
      if (cell && instance)
        paintCell(cell, instance, this.view, { isAsked: this.asking.has(instance.id) });
    }
  }

  /** Paints the headings; called less often than `paint`: numbers are read, not watched. */
  count() {
    const { board } = this;
    if (!board) return;
    const batches = this.view.group === "batch" ? batchesOf(board) : [];
    this.headings.forEach((heading, row) => {
      const mine = this.order[row].map((place) => board.instances[place]);
      const batch = batches.find(({ number }) => String(number) === this.keys[row]);
      paintHeading(heading, mine, batch);
    });
  }

  /**
   * Marks cells as asked: till the feed answers, or for a while; `over` is called then.
   * @param {string[]} ids
   * @param {() => void} over
   */
  ask(ids, over) {
    ids.forEach((id) => this.asking.add(id));
    setTimeout(() => {
      ids.forEach((id) => this.asking.delete(id));
      over();
    }, MAX_ASKING_MS);
  }

  /**
   * Moves the one cell that Tab reaches (roving tabindex).
   * @param {string | null | undefined} id
   */
  rove(id, focus = true) {
    this.cellOf(this.focused)?.setAttribute("tabindex", "-1");
    this.focused = id ?? null;
    const cell = this.cellOf(id);
    cell?.setAttribute("tabindex", "0");
    if (focus) cell?.focus();
  }

  /**
   * Scrolls to a group, and leads to its first cell.
   * @param {string} key
   */
  reach(key) {
    const row = this.keys.indexOf(key);
    if (row < 0) return;
    this.headings[row].scrollIntoView({ block: "center" });
    this.rove(this.board?.instances[this.order[row][0]].id);
  }

  /** All ids in the order in which they stand; those alone that the filter shows. */
  get shown() {
    const { instances } = this.board ?? { instances: [] };
    return this.order
      .flat()
      .map((place) => instances[place])
      .filter((instance) => matches(instance, this.view.filter, this.view.by))
      .map(({ id }) => id);
  }

  /**
   * The id of the cell that this element is, or is in.
   * @param {EventTarget | null} element
   */
  idOf(element) {
    const cell = element instanceof Element && element.closest(".cell");
    const place = cell instanceof HTMLElement ? Number(cell.dataset.i) : NaN;
    return this.board?.instances[place]?.id;
  }

  /** @param {string | null | undefined} id */
  cellOf(id) {
    const place = this.board?.places.get(id ?? "");
    return place === undefined ? undefined : this.cells[place];
  }
}
