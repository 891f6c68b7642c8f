// Which scale sets a wall shows, and in which order: those that need to be looked at, in turn; where there is none, the whole fleet. Pure.

import { byName } from "./format.js";

/**
 * @import { Counted } from "./fleet-counts.js"
 *
 * `key`: what is shown, "" for the whole fleet; `since`: since when, in ms.
 * @typedef {{ key: string, since: number }} Turn
 */

/**
 * The lower, the sooner somebody must look; null where all is calm.
 * @param {Pick<Counted, "needs" | "board">} entry
 */
export const urgencyOf = ({ needs, board }) => needs[0]?.urgency ?? board.figures.urgency ?? null;

/**
 * Those that are to be looked at, the worst first.
 * @param {Iterable<Counted>} fleet
 * @returns {Counted[]}
 */
export function worstFirst(fleet) {
  return [...fleet]
    .flatMap((entry) => {
      const urgency = urgencyOf(entry);
      return urgency === null ? [] : { entry, urgency };
    })
    .sort((a, b) => a.urgency - b.urgency || byName(a.entry.board.key, b.entry.board.key))
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
