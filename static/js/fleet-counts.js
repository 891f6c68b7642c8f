// What the fleet page says of each scale set, counted anew where its board changed. Pure.

import { needsOf } from "./needs.js";
import { classOf, PICKS, summaryOf } from "./summary.js";

/**
 * @import { Board } from "./board.js"
 * @import { Need } from "./needs.js"
 * @import { Headline, Summary } from "./summary.js"
 *
 * A scale set on the fleet page. `rank`: the class in which its row stands; `at`: when it was counted, in ms; `isPainted`: its row shows
 * this.
 * @typedef {{ board: Board, sum: Summary, needs: Need[], rank: number, at: number, isPainted: boolean }} Counted
 */

const COUNT_EVERY = 1000; // ms: some of it depends on the time

/**
 * Counts a board, if it is another one than `before` or that was some time ago.
 * @param {Board} board
 * @param {Counted | undefined} before
 * @param {number} now in ms
 * @returns {Counted}
 */
export function countAgain(board, before, now) {
  const isSame = before !== undefined && before.board === board;
  if (isSame && now < before.at + COUNT_EVERY) return before;
  const sum = isSame ? before.sum : summaryOf(board),
    needs = needsOf(board, sum, now);
  const isPainted = isSame && before.isPainted;
  return { board, sum, needs, rank: classOf(sum, needs), at: now, isPainted };
}

/**
 * Is it one of those that the headline number `only` counts? "" for all.
 * @param {Counted | undefined} entry
 * @param {Headline | ""} only
 */
export const isPicked = (entry, only) =>
  !only || (entry !== undefined && PICKS[only](entry.sum, entry.needs));
