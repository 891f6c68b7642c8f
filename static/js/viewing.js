// What a viewer of a scale set page changes of the view, step by step: the panel, the table, the grouping, the order.

import { sortBy, sync } from "./choices.js";
import { $ } from "./dom.js";
import { rowsOf } from "./table.js";
import { recall, remember, view } from "./viewer.js";

/**
 * @import { BoardPainter } from "./board-painter.js"
 * @import { Grid } from "./grid.js"
 * @import { Grouping } from "./view.js"
 */

export class Viewing {
  /**
   * @param {BoardPainter} painter
   * @param {Grid} grid
   */
  constructor(painter, grid) {
    this.painter = painter;
    this.grid = grid;
  }

  /**
   * Opens the panel with this instance; null closes it.
   * @param {string | null} id
   */
  open(id) {
    const before = view.open;
    view.open = id;
    remember();
    this.painter.touch([before, id]); // their cells are marked
    if (id !== null) this.grid.rove(id, false);
    else if (before !== null) this.painter.focusOn(before);
    this.painter.ask();
  }

  /** @param {boolean} on the table instead of the grid */
  showTable(on) {
    const parts = [$("#grid"), $("#table")];
    const hadFocus = parts.some((part) => part.contains(document.activeElement));
    view.table = on;
    remember();
    sync();
    this.painter.paintInstruments();
    if (!this.painter.board) return;
    this.grid.fit();
    if (hadFocus) this.painter.focusOn(this.grid.focused);
  }

  /** @param {string} number */
  showBatch(number) {
    if (view.table) this.showTable(false);
    view.group = "batch";
    remember();
    sync();
    this.painter.paintCells();
    this.grid.reach(number);
  }

  /** @param {string} by */
  group(by) {
    view.group = /** @type {Grouping} */ (by);
    remember();
    this.painter.ask();
  }

  /** The ids of all that the filter shows, in the order in which they stand. */
  inSight() {
    const { shown } = this.painter;
    return view.table && shown
      ? rowsOf(shown.instances, view).map(({ id }) => id)
      : this.grid.shown;
  }

  /** @param {string} column */
  sort(column) {
    sortBy(column);
    this.painter.ask();
  }

  /** Another address is shown: the view is what it says. */
  goBack() {
    recall();
    sync();
    this.painter.repaint();
  }
}
