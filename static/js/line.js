// The thin line under the bar: how far the upgrade that runs is, however far the page is scrolled.

import { $ } from "./dom.js";
import { statusOf } from "./instruments.js";
import { eligible, isDone, percent, runs } from "./state.js";

export function paintLine(board) {
  const line = $("#line"), mine = eligible(board.instances);
  line.hidden = !runs(board);
  if (line.hidden) return;
  line.dataset.fill = statusOf(board).fill;
  line.style.setProperty("--share", percent(mine.filter(isDone).length, mine.length) / 100);
}
