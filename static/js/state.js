// What a screen knows of one scale set, and how a message of the feed changes it. Pure: runs under Node too.
//
// It computes nothing of the rules: which state an instance is in, who counts, which batch it is in, how near a limit is, all that the
// board of the feed says (docs/feed.md). It is kept here as `figures`, and looked up for each instance.

import { shownBatches } from "./batches.js";
import { idsIn, namesById } from "./ranges.js";

export { faceOf, FILLS, HEALTH, stateFace, STATES, WORST_FIRST } from "./faces.js";

/**
 * An instance as the feed has it, with what the board says of it (`told`).
 * @typedef {Feed.Instance & {number: number, batch: number | null, planned: number | null, state: string, isEligible: boolean,
 *   isUpToDate: boolean, waits: boolean, approval: string}} Instance
 *
 * One scale set on a screen. `places`: where an instance's id stands in `instances`; `touched`: the places that changed last.
 * @typedef {object} Board
 * @property {string} key
 * @property {string} stream
 * @property {number} seq
 * @property {number} at ms, by the server's clock
 * @property {any} scale_set a Feed.ScaleSet; null until the first snapshot has come
 * @property {Feed.Upgrade | null} upgrade as the figures know it
 * @property {Feed.Upgrade | null} latest as the feed said it last
 * @property {Feed.Board} figures
 * @property {Instance[]} instances
 * @property {Map<string, number>} places
 * @property {Set<number>} touched
 * @property {boolean} rebuilt
 * @property {ReturnType<typeof lookUp>} [look]
 */

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
 * Of a scale set that no look has seen yet.
 * @type {Feed.Board}
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
};

/** @param {Board} board */
export const isReady = (board) => board.scale_set !== null;
/** @param {Pick<Board, "upgrade">} board */
export const runs = (board) => Boolean(board.upgrade && !board.upgrade.ended_at);
/** @type {(board: Board) => Record<string, any>} */
export const policyOf = (board) =>
  board.upgrade && runs(board) ? board.upgrade.policy : board.scale_set.policy;

/**
 * @param {string} key
 * @returns {Board}
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
 * A whole snapshot in place of whatever was known.
 * @param {string} key
 * @returns {Board}
 */
export function fromSnapshot(key, body, at = 0) {
  const { stream, seq, scale_set, upgrade, board } = body;
  const next = {
    key,
    stream,
    seq,
    at,
    scale_set,
    upgrade,
    latest: upgrade,
    figures: board ?? NO_FIGURES,
  };
  return built(next, Object.values(body.instances));
}

/**
 * May this delta be applied to this board? If not, and it is not an old one, the board has missed something.
 * @param {Board} board
 * @param {Feed.Delta} delta
 */
export const follows = (board, delta) =>
  delta.stream === board.stream && delta.since <= board.seq && board.seq < delta.seq;

/**
 * The next board after a delta that `follows`: whole resources, replaced by id. `touched`: the places whose cells changed.
 * @param {Board} board
 * @param {Feed.Delta} delta
 * @returns {Board}
 */
export function applyDelta(board, delta) {
  const changed = new Map((delta.instances ?? []).map((raw) => [raw.id, raw]));
  const latest = delta.upgrade ?? board.latest;
  const figures = delta.board === undefined ? board.figures : (delta.board ?? NO_FIGURES);
  const next = {
    ...board,
    seq: delta.seq,
    at: Date.parse(delta.at),
    scale_set: delta.scale_set ?? board.scale_set,
    latest,
    figures,
    upgrade: isOf(latest, figures) || !isOf(board.upgrade, figures) ? latest : board.upgrade,
  };
  const isNew = [...changed.keys()].some((id) => !board.places.has(id));
  if (!isNew && !delta.removed?.length) return replaced(next, board, changed);
  const gone = new Set(delta.removed);
  const kept = board.instances.filter((one) => !gone.has(one.id) && !changed.has(one.id));
  return built(next, [...kept, ...changed.values()]);
}

/**
 * Are these the figures of a look that knew how the upgrade stands? One that has just begun or ended is shown so with the figures
 * of the next look: "Completed" never stands beside numbers of before.
 */
const isOf = (upgrade, figures) => runs({ upgrade }) === (figures.batch !== null);

/**
 * Every instance anew, in the order of their numbers.
 * @param {Partial<Board>} next
 * @param {Feed.Instance[]} list
 * @returns {any}
 */
function built(next, list) {
  const look = lookUp(next);
  const instances = list.map((one) => told(one, look)).sort((a, b) => a.number - b.number);
  const places = new Map(instances.map((one, place) => [one.id, place]));
  return { ...next, look, instances, places, touched: new Set(instances.keys()), rebuilt: true };
}

/**
 * The same instances: those in `changed`, and those of which the figures say something else now.
 * @param {Partial<Board>} next
 * @param {Board} board
 * @param {Map<string, Feed.Instance>} changed
 * @returns {any}
 */
function replaced(next, board, changed) {
  const isSame = next.figures === board.figures && next.upgrade === board.upgrade;
  const look = (isSame && board.look) || lookUp(next),
    touched = new Set();
  const instances = board.instances.map((one, place) => {
    const raw = changed.get(one.id);
    if (!raw && isSame) return one;
    const now = told(raw ?? one, look);
    if (!raw && TOLD.every((name) => now[name] === one[name])) return one;
    touched.add(place);
    return now;
  });
  return { ...next, look, instances, touched, rebuilt: false };
}

const TOLD = ["state", "batch", "planned", "isEligible", "isUpToDate", "waits", "approval"];

/**
 * What the figures say of an instance. `planned`: the batch that it is to be in; `waits`: an upgrade is still to take it.
 * @param {Feed.Instance} one
 * @param {ReturnType<typeof lookUp>} look
 * @returns {Instance}
 */
function told(one, look) {
  const batch = look.batches.get(one.id) ?? look.batches.get(placeOf(one, look.upgrade)) ?? null;
  return {
    ...one,
    number: Number(one.id),
    batch,
    state: look.states.get(one.id) ?? "unseen",
    planned: batch === null ? (look.planned.get(one.id) ?? null) : null,
    isEligible: look.eligible.has(one.id),
    isUpToDate: look.upToDate.has(one.id),
    waits: look.waiting.has(one.id),
    approval: look.approvals.get(one.id) ?? "",
  };
}

/** Where a batch makes new instances: the id of the one whose place this one takes. */
const placeOf = ({ member }, upgrade) =>
  member && member.upgrade === upgrade ? member.instance : "";

/** @param {any} board */
function lookUp({ figures, upgrade }) {
  const { began, planned } = shownBatches(upgrade, figures);
  const numbers = (list) => namesById(list.map((one) => [one.number, one.instances]));
  const { waiting = "", approved = "" } = figures.approval ?? {};
  return {
    upgrade: upgrade?.id,
    states: namesById(Object.entries(figures.states)),
    says: namesById((figures.says ?? []).map((said) => [said, said.instances])),
    batches: numbers(began),
    planned: numbers(planned),
    eligible: new Set(idsIn(figures.eligible)),
    upToDate: new Set(idsIn(figures.up_to_date)),
    waiting: new Set(idsIn(figures.waiting)),
    approvals: namesById([
      ["waiting", waiting],
      ["approved", approved],
    ]),
  };
}
