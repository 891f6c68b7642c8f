// What a screen knows of one scale set. Pure: runs under Node too.

/** @import { LookUp } from "./look-up.js" */

/**
 * What the board of the feed says.
 * @typedef {NonNullable<Feed.Board>} Figures
 *
 * An instance as the feed has it, with what the figures say of it (look-up.js). `planned`: the batch that it is to be in; `waits`: an
 * upgrade is still to take it; `approval`: "waiting", "approved" or "".
 * @typedef {Feed.Instance & {number: number, batch: number | null, planned: number | null, state: string, isEligible: boolean,
 *   isUpToDate: boolean, waits: boolean, approval: string}} Instance
 *
 * One scale set on a screen. `places`: where an instance's id stands in `instances`; `touched`: the places that changed last.
 * @typedef {object} Board
 * @property {string} key
 * @property {string} stream
 * @property {number} seq
 * @property {number} at ms, by the server's clock
 * @property {Feed.ScaleSet} scale_set
 * @property {Feed.Upgrade | null} upgrade as the figures know it
 * @property {Feed.Upgrade | null} latest as the feed said it last
 * @property {Figures} figures
 * @property {Instance[]} instances
 * @property {Map<string, number>} places
 * @property {Set<number>} touched
 * @property {boolean} rebuilt
 * @property {LookUp} [look]
 *
 * One of which the first snapshot has not come.
 * @typedef {Omit<Board, "scale_set"> & { scale_set: null }} EmptyBoard
 */

/** @type {Feed.Gauge} */
const NO_GAUGE = {
  count: 0,
  of: 0,
  percent: 0,
  limit_percent: 0,
  most: 0,
  room: 0,
  over: false,
  instances: "",
};

/**
 * Of a scale set that nothing has reconciled yet.
 * @type {Figures}
 */
export const NO_FIGURES = {
  target: "",
  states: {},
  says: [],
  behind: [],
  waiting: "",
  eligible: "",
  up_to_date: "",
  left_behind: "",
  approval: null,
  counts: { total: 0, counted: 0, eligible: 0, up_to_date: 0, current: 0, opted_out: 0 },
  unhealthy: NO_GAUGE,
  over_limit: null,
  failed: null,
  batch: null,
  batches: [],
  planned: [],
  planned_more: 0,
  planned_by: null,
  progress: { up_to_date: 0, of: 0, percent: null },
  ends: null,
  needs: [],
  urgency: null,
};

/**
 * @param {string} key
 * @returns {EmptyBoard}
 */
export function emptyBoard(key) {
  return {
    key,
    stream: "",
    seq: 0,
    at: 0,
    scale_set: null,
    upgrade: null,
    latest: null,
    figures: NO_FIGURES,
    instances: [],
    places: new Map(),
    touched: new Set(),
    rebuilt: false,
  };
}

/**
 * @param {Board | EmptyBoard} board
 * @returns {board is Board}
 */
export const isReady = (board) => board.scale_set !== null;

/**
 * Does an upgrade run?
 * @template {{ upgrade: Feed.Upgrade | null }} Of
 * @param {Of} board
 * @returns {board is Of & { upgrade: Feed.Upgrade }}
 */
export const runs = (board) => Boolean(board.upgrade && !board.upgrade.ended_at);

/**
 * The policy that counts now: while an upgrade runs the one that it began with.
 * @param {Pick<Board, "upgrade" | "scale_set">} board
 */
export const policyOf = (board) => (runs(board) ? board.upgrade.policy : board.scale_set.policy);

/**
 * The instances of these ids that there still are.
 * @param {Board} board
 * @param {Iterable<string>} ids
 */
export function instancesOf(board, ids) {
  const found = [...ids].map((id) => instanceOf(board, id));
  return found.filter((instance) => instance !== undefined);
}

/**
 * The instance with this id; undefined where there is none any more.
 * @param {Board} board
 * @param {string | null | undefined} id
 * @returns {Instance | undefined}
 */
export function instanceOf({ instances, places }, id) {
  const place = places.get(id ?? "");
  return place === undefined ? undefined : instances[place];
}
