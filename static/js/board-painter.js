// Paints the board of a scale set page: cells as soon as they change, the instruments beside them less often.

import { batchesOf } from "./batches.js";
import { instanceOf } from "./board.js";
import { $, find, painter, show, word } from "./dom.js";
import { freeze, heldTime, isFrozen } from "./frozen.js";
import { paintHeader } from "./header.js";
import { gauges, rail, reasons, statusOf, steps } from "./instruments.js";
import { empty, legend, matching } from "./legend.js";
import { paintLine } from "./line.js";
import { say } from "./speaking.js";
import { tick } from "./ticking.js";
import { GROUPS, matches } from "./view.js";
import { reasonsOf } from "./why.js";

/**
 * @import { Batch } from "./batches.js"
 * @import { Board } from "./board.js"
 * @import { Filtering } from "./filtering.js"
 * @import { Grid } from "./grid.js"
 * @import { Panel } from "./panel.js"
 * @import { View } from "./view.js"
 *
 * What is not there from the beginning (scale-set-later.js).
 * @typedef {{ panel: Panel, paintTable: typeof import("./table.js").paintTable,
 *   paintSelection: typeof import("./selection.js").paintSelection }} LaterParts
 */

const INSTRUMENTS_EVERY = 500; // ms: they are read, not watched; every change of a text lays the page out anew

export class BoardPainter {
  /**
   * What the feed said last.
   * @type {Board | null}
   */
  board = null;

  /**
   * What the cells show; the instruments show the same one.
   * @type {Board | null}
   */
  shown = null;

  /** @type {Batch[]} */
  batches = [];

  /** Which group each instance is in; "" where the grid is to be built anew. */
  groups = "";

  /**
   * The places whose cells are to be painted.
   * @type {Set<number>}
   */
  touched = new Set();

  /**
   * `now`: the server's time in ms; `appeared` is called once there is something to see.
   * @param {{ grid: Grid, view: View, now: () => number, appeared: () => void }} parts
   */
  constructor({ grid, view, now, appeared }) {
    this.grid = grid;
    this.appeared = appeared;
    /** @type {LaterParts | null} */
    this.later = null;
    this.view = view;
    this.now = now;
    /** @type {Filtering | null} */
    this.filter = null;
    this.askCells = painter(() => this.paintCells());
    this.askInstruments = painter(() => this.paintInstruments(), INSTRUMENTS_EVERY);
    /** A person did something: all of it, soon. */
    this.ask = painter(() => {
      this.paintCells();
      this.paintInstruments();
    });
  }

  /**
   * Takes what the feed says now.
   * @param {Board} board
   */
  take(board) {
    for (const place of board.touched) {
      this.touched.add(place);
      this.grid.asking.delete(board.instances[place]?.id);
    }
    if (board.rebuilt) this.groups = "";
    this.board = board;
    this.askCells();
    this.askInstruments();
  }

  /** @param {LaterParts} parts what is painted too from now on */
  add(parts) {
    this.later = parts;
    this.ask();
  }

  /** The scale set is gone. */
  forget() {
    this.board = this.shown = null;
  }

  /**
   * The cells of these instances are other ones now.
   * @param {Iterable<string | null>} ids
   */
  touch(ids) {
    for (const id of ids) {
      const place = this.board?.places.get(id ?? "");
      if (place !== undefined) this.touched.add(place);
    }
  }

  /** Every cell is another one now. */
  repaint() {
    this.touch(this.board?.places.keys() ?? []);
    this.ask();
  }

  /** A cell belongs to one group: where the groups changed, everything is built again. */
  paintCells() {
    const { board, view } = this;
    if (!board) return;
    this.filter?.follow(board);
    this.batches = batchesOf(board);
    this.shown = board;
    const keyOf = GROUPS[view.group].key;
    const groups = view.group + board.instances.map(keyOf).join();
    if (groups !== this.groups) this.grid.build(board);
    else this.grid.paint(board, this.touched);
    this.groups = groups;
    this.touched.clear();
    if ($("#main").classList.contains("loading")) this.appear();
  }

  /** All at once, when there is something to see: what comes by and by would push away what somebody is about to click. */
  appear() {
    $("#main").classList.remove("loading");
    this.paintInstruments();
    this.grid.fit({ again: true });
    this.appeared();
  }

  paintInstruments() {
    const { shown, batches, view } = this;
    if (!shown) return;
    const now = heldTime(this.now()),
      why = reasonsOf(shown);
    $("#empty").hidden = shown.instances.length > 0;
    show($("#empty"), empty(shown));
    show($("#status"), word(statusOf(shown)));
    paintLine(shown);
    paintHeader(shown);
    show($("#rail"), rail(shown, batches));
    show($("#steps"), steps(shown, batches, now));
    show($("#gauges"), gauges(shown));
    this.grid.count();
    show($("#why"), reasons(why, view.filter.reason));
    this.paintFilter(shown);
    if (view.table) this.later?.paintTable($("#table"), shown, view, now);
    this.paintPanel(shown, now);
    tick(now);
    if (isFrozen()) freeze();
    say(why[0].text);
  }

  /** @param {Board} shown */
  paintFilter(shown) {
    const { instances } = shown,
      { view } = this;
    const count = instances.filter((each) => matches(each, view.filter, view.by)).length;
    show($("#legend"), legend(shown, view));
    show($("#matching"), matching(count, instances.length, view));
    this.later?.paintSelection($("#selection"), this.grid);
  }

  /**
   * @param {Board} shown
   * @param {number} now in ms
   */
  paintPanel(shown, now) {
    const instance = instanceOf(shown, this.view.open);
    const hadFocus = $("#panel").contains(document.activeElement);
    $("#work").classList.toggle("open", Boolean(instance));
    this.later?.panel.paint(instance, shown, now);
    if (!instance && hadFocus) this.focusOn(this.grid.focused);
  }

  /**
   * Puts the focus on the instance's cell, or on its row in the table.
   * @param {string | null} id
   */
  focusOn(id) {
    const { grid, board } = this;
    if (!this.view.table) return grid.rove(board?.places.has(id ?? "") ? id : grid.focused);
    const row = find(`#table [data-act="open"][data-key="${CSS.escape(id ?? "")}"]`);
    (row ?? find("#table .scroll"))?.focus();
  }
}
