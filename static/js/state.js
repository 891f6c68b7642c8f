// How a message of the feed changes what a screen knows of one scale set. Pure: runs under Node too.
//
// It computes nothing of the rules: which state an instance is in, who counts, which batch it is in, how near a limit is, all that the
// board of the feed says (docs/feed.md). It is kept here as `figures`, and looked up for each instance (look-up.js).

import { NO_FIGURES, runs } from "./board.js";
import { lookUpOf, saysTheSame, withFigures } from "./look-up.js";

/**
 * @import { Board, Figures } from "./board.js"
 *
 * @typedef {Feed.Delta} Delta
 * @typedef {Feed.Reset} Reset
 *
 * What /feed/snapshot answers.
 * @typedef {{ stream: string, seq: number, scale_set: Feed.ScaleSet, upgrade: Feed.Upgrade | null, board: Feed.Board,
 *   instances: Record<string, Feed.Instance> }} Snapshot
 *
 * A board without its instances.
 * @typedef {Pick<Board, "key" | "stream" | "seq" | "at" | "scale_set" | "upgrade" | "latest" | "figures">} Head
 */

/**
 * A whole snapshot in place of whatever was known.
 * @param {string} key
 * @param {Snapshot} snapshot
 * @returns {Board}
 */
export function fromSnapshot(key, { stream, seq, scale_set, upgrade, board, instances }, at = 0) {
  const figures = board ?? NO_FIGURES;
  const head = { key, stream, seq, at, scale_set, upgrade, latest: upgrade, figures };
  return withAll(head, Object.values(instances));
}

/**
 * May this delta be applied to this board? If not, and it is not an old one, the board has missed something.
 * @param {{ stream: string, seq: number }} board
 * @param {Delta} delta
 */
export const follows = (board, delta) =>
  delta.stream === board.stream && delta.since <= board.seq && board.seq < delta.seq;

/**
 * Has this board all that the server takes it to have from this reset on?
 * @param {{ stream: string, seq: number }} board
 * @param {Reset} reset
 */
export const reaches = (board, reset) => board.stream === reset.stream && board.seq >= reset.seq;

/**
 * The same of all resets that came while its snapshot was fetched. What lies between an older snapshot and a reset is in neither.
 * @param {{ stream: string, seq: number }} board
 * @param {(Delta | Reset)[]} kept
 */
export const reachesAll = (board, kept) =>
  kept.every((message) => message.type !== "reset" || reaches(board, message));

/**
 * The board of a snapshot with the deltas that came while it was fetched.
 * @param {Board} board
 * @param {(Delta | Reset)[]} kept
 */
export function withKept(board, kept) {
  for (const message of kept)
    if (message.type === "delta" && follows(board, message))
      board = { ...applyDelta(board, message), rebuilt: true, touched: board.touched };
  return board;
}

/**
 * The next board after a delta that `follows`: whole resources, replaced by id. `touched`: the places whose cells changed.
 * @param {Board} board
 * @param {Delta} delta
 * @returns {Board}
 */
export function applyDelta(board, delta) {
  const changed = new Map((delta.instances ?? []).map((instance) => [instance.id, instance]));
  const latest = delta.upgrade ?? board.latest;
  const figures = delta.board === undefined ? board.figures : (delta.board ?? NO_FIGURES);
  const next = {
    ...board,
    seq: delta.seq,
    at: Date.parse(delta.at),
    scale_set: delta.scale_set ?? board.scale_set,
    latest,
    figures,
    upgrade: fits(latest, figures) || !fits(board.upgrade, figures) ? latest : board.upgrade,
  };
  const isNew = [...changed.keys()].some((id) => !board.places.has(id));
  if (!isNew && !delta.removed?.length) return withChanged(next, board, changed);
  const gone = new Set(delta.removed);
  const kept = board.instances.filter(({ id }) => !gone.has(id) && !changed.has(id));
  return withAll(next, [...kept, ...changed.values()]);
}

/**
 * Are these the figures of a moment that knew how the upgrade stands? One that has just begun or ended is shown so with the next
 * figures: "Completed" never stands beside numbers of before.
 * @param {Feed.Upgrade | null} upgrade
 * @param {Figures} figures
 */
const fits = (upgrade, figures) => runs({ upgrade }) === (figures.batch !== null);

/**
 * The board with every instance anew, in the order of their numbers.
 * @param {Head} head
 * @param {Feed.Instance[]} list
 * @returns {Board}
 */
function withAll(head, list) {
  const look = lookUpOf(head);
  const instances = list
    .map((instance) => withFigures(instance, look))
    .sort((a, b) => a.number - b.number);
  const places = new Map(instances.map(({ id }, place) => [id, place]));
  return { ...head, look, instances, places, touched: new Set(instances.keys()), rebuilt: true };
}

/**
 * The board with the same instances: those in `changed` are others, and those of which the figures say something else now.
 * @param {Head} head
 * @param {Board} before
 * @param {Map<string, Feed.Instance>} changed
 * @returns {Board}
 */
function withChanged(head, before, changed) {
  const isSame = head.figures === before.figures && head.upgrade === before.upgrade;
  const look = (isSame && before.look) || lookUpOf(head);
  /** @type {Set<number>} */
  const touched = new Set();
  const instances = before.instances.map((instance, place) => {
    const raw = changed.get(instance.id);
    if (!raw && isSame) return instance;
    const now = withFigures(raw ?? instance, look);
    if (!raw && saysTheSame(now, instance)) return instance;
    touched.add(place);
    return now;
  });
  return { ...head, look, instances, places: before.places, touched, rebuilt: false };
}
