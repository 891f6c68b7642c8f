// The thin line under the bar: how far the upgrade that runs is, however far the page is scrolled.

import { $ } from "./dom.js";
import { runs } from "./board.js";
import { statusOf } from "./status.js";

/** @import { Board } from "./board.js" */

/** @param {Board} board */
export function paintLine(board) {
  const line = $("#line"),
    { up_to_date: done, of } = board.figures.progress;
  line.hidden = !runs(board);
  if (line.hidden) return;
  line.dataset.fill = statusOf(board).fill;
  line.style.setProperty("--share", String(of ? done / of : 0));
}
