// The batches of the latest upgrade, as they are painted: of one that runs those of the board, of one that is over those of its record,
// for ever the same. Pure.

import { sizeOf } from "./ranges.js";
import { textOf } from "./sentences.js";

/** @import { Board, Figures } from "./board.js" */

/**
 * A batch as it is painted. `members`: how many are in each state; `began`, `ended`: ms, null where nobody knows.
 * @typedef {object} Batch
 * @property {number} number
 * @property {string} instances ids in few words
 * @property {number} size
 * @property {string} why
 * @property {boolean} planned
 * @property {boolean} waits for approval
 * @property {number | null} began
 * @property {number | null} ended
 * @property {Record<string, number>} members
 */

/**
 * What the feed tells of the batches: those that `began`, and those that are planned behind them.
 * @param {Feed.Upgrade | null} upgrade
 * @param {Figures} figures
 * @returns {{ began: Feed.Ran[], planned: Feed.Planned[] }}
 */
export function shownBatches(upgrade, figures) {
  if (!upgrade) return { began: [], planned: [] };
  if (upgrade.ended_at) return { began: upgrade.record?.batches ?? [], planned: [] };
  return { began: figures.batches, planned: figures.planned };
}

/**
 * All batches that are painted, in their order.
 * @param {Pick<Board, "upgrade" | "figures">} board
 * @returns {Batch[]}
 */
export function batchesOf({ upgrade, figures }) {
  const { began, planned } = shownBatches(upgrade, figures);
  return [...began.map(batchThatBegan), ...planned.map(batchToCome)];
}

/**
 * How it was chosen.
 * @param {Feed.Ran | Feed.Planned} batch
 */
const whyOf = ({ why, key, params }) => textOf({ text: why, key, params });

/** @param {Feed.Time} time */
const at = (time) => (time ? Date.parse(time) : null);

/**
 * @param {Feed.Ran} batch
 * @returns {Batch}
 */
function batchThatBegan(batch) {
  const { number, instances, size, members, started_at, finished_at } = batch;
  const counts = Object.entries(members).map(([state, ranges]) => [state, sizeOf(ranges)]);
  return {
    number,
    instances,
    size,
    why: whyOf(batch),
    planned: false,
    waits: false,
    began: at(started_at),
    ended: at(finished_at),
    members: Object.fromEntries(counts),
  };
}

/**
 * @param {Feed.Planned} batch
 * @returns {Batch}
 */
function batchToCome(batch) {
  const { number, instances, size, starts_at, ends_at, waits_for_approval } = batch;
  return {
    number,
    instances,
    size,
    why: whyOf(batch),
    planned: true,
    waits: waits_for_approval,
    began: at(starts_at),
    ended: at(ends_at),
    members: {},
  };
}

/**
 * How many of a batch are in one of these states of its members.
 * @param {Pick<Batch, "members">} batch
 * @param {string[]} states
 */
export const countIn = ({ members }, ...states) =>
  states.reduce((sum, state) => sum + (members[state] ?? 0), 0);

/**
 * How many of a batch failed, put back on their old OS disk or not.
 * @param {Pick<Batch, "members">} batch
 */
export const countFailed = (batch) => countIn(batch, "failed", "rolling_back", "rolled_back");
