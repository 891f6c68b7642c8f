// Which scale sets a wall shows, and in which order: those that need to be looked at, in turn; where there is none, the whole fleet. Pure.

import { runs } from "./board.js";
import { byName } from "./format.js";
import { urgencyOf } from "./needs.js";

/**
 * @import { Counted } from "./fleet-counts.js"
 *
 * `key`: what is shown, "" for the whole fleet; `since`: since when, in ms.
 * @typedef {{ key: string, since: number }} Turn
 */

/** No class of urgency is that low. */
const NOTHING = 1000;
const RUNS = 500,
  HELD = 400;

/**
 * The lower, the sooner somebody must look: a failure, what else needs a person, what is held, what runs; NOTHING for the rest.
 * @param {Counted} entry
 */
function placeOf({ needs, board, sum }) {
  if (needs.length) return Math.min(...needs.map(urgencyOf));
  if (sum.counts.held) return HELD;
  return runs(board) || sum.moving ? RUNS : NOTHING;
}

/**
 * Those that are to be looked at, the worst first.
 * @param {Iterable<Counted>} fleet
 * @returns {Counted[]}
 */
export function worstFirst(fleet) {
  const placed = [...fleet].map((entry) => ({ entry, place: placeOf(entry) }));
  return placed
    .filter(({ place }) => place < NOTHING)
    .sort((a, b) => a.place - b.place || byName(a.entry.board.key, b.entry.board.key))
    .map(({ entry }) => entry);
}

/**
 * What is shown next. What is shown stays for its time, and as long as nothing else is to be shown.
 * @param {string[]} keys those that are to be looked at, the worst first
 * @param {Turn} turn
 * @param {{ now: number, every: number }} time `every`: ms for each, 0 where nothing turns
 * @returns {Turn}
 */
export function nextTurn(keys, turn, { now, every }) {
  if (!every || !keys.length) return turn.key ? { key: "", since: now } : turn;
  const at = keys.indexOf(turn.key);
  if (at < 0) return { key: keys[0], since: now };
  // A clock that was set back begins the time anew.
  const isOver = now - turn.since >= every || now < turn.since;
  if (!isOver) return turn;
  return { key: keys[(at + 1) % keys.length], since: now };
}
