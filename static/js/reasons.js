// The reasons of the feed (docs/rules.md) as the pages say them: who lifts each, what can be done about it here. Pure.

import { awaitedOf, isApprovedAhead } from "./approval.js";
import { instancesOf } from "./board.js";
import { t } from "./catalogue.js";
import { faceOfReason } from "./reason-faces.js";

/** @import { Board, Instance } from "./board.js" */

export { briefly } from "./reason-faces.js";

/**
 * Something to be done about a reason, or a way to its instances. `right`: what it takes; `toggles`: the same again takes it back.
 * @typedef {{ act: string, key: string, word: string, right?: string, ids?: string, version?: string, toggles?: boolean }} ReasonAct
 *
 * A reason as the pages show it. `since` and `until`: ISO 8601, where it says for how long.
 * @typedef {{ code: string, fill: string, glyph: string, text: string, detail: string, acts: ReasonAct[], since?: string | null,
 *   until?: string | null, who?: string, link?: { href: string, word: string } }} Story
 *
 * What a page can do, see ACTS.
 * @typedef {{ word: string, right: string, path: string, ids?: (instance: Instance) => boolean, counts?: boolean,
 *   version?: (board: Board) => string, asks?: boolean }} Act
 */

/**
 * What the page can do about a reason: the word on its button, the right it takes, the end of its address. `ids`: to those
 * instances, how many (`counts`) said on it; `version`: the one on the screen, which is meant; `asks: false`: nothing begins by it, so
 * that nobody is asked.
 * @type {Record<string, Act>}
 */
export const ACTS = {
  resume: { word: t("act.resume"), right: "steer", path: "resume/" },
  next_batch_now: { word: t("act.next_batch_now"), right: "steer", path: "next-batch/" },
  retry_now: { word: t("act.retry_now"), right: "steer", path: "retry/" },
  retry_failed: { word: t("act.retry_failed"), right: "steer", path: "retry-failed/" },
  start: { word: t("act.start"), right: "steer", path: "start/" },
  start_unhealthy_first: {
    word: t("act.start_unhealthy_first"),
    right: "steer",
    path: "start-unhealthy-first/",
  },
  release: {
    word: t("act.release"),
    right: "steer",
    path: "release/",
    ids: ({ quarantined_at: at, failed_version: version }) => Boolean(at || version),
  },
  opt_in: {
    word: t("act.opt_in"),
    right: "opt_in",
    path: "opt-in/",
    ids: ({ opt_out: optOut }) => Boolean(optOut && !optOut.ending_by),
  },
  undo_opt_in: {
    word: t("act.undo_opt_in"),
    right: "opt_in",
    path: "keep-opt-out/",
    ids: ({ opt_out: optOut }) => Boolean(optOut?.ending_by),
    asks: false,
  },
  approve: {
    word: t("act.approve"),
    right: "steer",
    path: "approve/",
    ids: ({ approval }) => approval === "waiting",
    counts: true,
    version: awaitedOf,
  },
  withdraw_approval: {
    word: t("act.withdraw_approval"),
    right: "steer",
    path: "withdraw-approval/",
    ids: isApprovedAhead,
    asks: false,
  },
  end_fleet_stop: { word: t("act.end_fleet_stop"), right: "end_fleet_stop", path: "" },
};

/**
 * @param {Pick<Board, "scale_set">} board
 * @returns {Feed.Reason[]}
 */
export const reasonsIn = ({ scale_set: set }) => set.decision.reasons ?? [];

/**
 * What makes it the same reason, however its numbers move; there may be one for each opt-out.
 * @param {Feed.Reason} reason
 */
export const keyOf = ({ code, gate, instances }) =>
  gate === "opt-out" && instances?.length ? `${code}.${instances[0]}` : code;

/**
 * The ids of the instances that a reason holds; null where it is none of those that there are now.
 * @param {Board} board
 * @param {string} key
 */
export function idsOf(board, key) {
  const found = key
    ? reasonsIn(board).find((reason) => reason.instances && keyOf(reason) === key)
    : null;
  return found ? new Set(found.instances) : null;
}

/**
 * A reason as the pages show it.
 * @param {Feed.Reason} reason
 * @param {Board} board
 * @returns {Story & { since: string }}
 */
export function storyOf(reason, board) {
  const { code, since, until } = reason,
    acts = [...wayToInstances(reason), ...waysToLift(reason, board)];
  const says = {
    text: sentence(reason.text),
    since,
    until,
    who: reason.remedy ?? "",
    detail: "",
    acts,
  };
  return { code, ...faceOfReason(reason), ...says };
}

/**
 * It may end in what a person wrote.
 * @param {string} text
 */
export const sentence = (text) => (/[.!?]$/.test(text) ? text : `${text}.`);

/**
 * @param {Feed.Reason} reason
 * @returns {ReasonAct[]}
 */
function wayToInstances(reason) {
  const { instances } = reason;
  if (!instances?.length) return [];
  const word = t("reason.see", { count: instances.length });
  if (instances.length === 1) return [{ act: "open", key: instances[0], word }];
  return [{ act: "hold", key: keyOf(reason), word, toggles: true }];
}

/**
 * @param {Feed.Reason} reason
 * @param {Board} board
 * @returns {ReasonAct[]}
 */
function waysToLift({ act, instances }, board) {
  const how = Object.hasOwn(ACTS, act) && ACTS[act];
  if (!how) return [];
  const ids =
    how.ids &&
    instancesOf(board, instances ?? [])
      .filter(how.ids)
      .map(({ id }) => id);
  if (ids?.length === 0) return [];
  const count = how.counts ? (ids?.length ?? 0) : 0;
  const word = count > 1 ? t("act.with_count", { act: how.word, count }) : how.word;
  const version = how.version && { version: how.version(board) };
  return [{ act: "do", key: act, word, right: how.right, ids: ids?.join() ?? "", ...version }];
}

/**
 * The reasons that hold this very instance: its own, and while an upgrade is still to take it those of the scale set as a whole.
 * @param {Instance} instance
 * @param {Board} board
 */
export const holding = ({ id, waits }, board) =>
  reasonsIn(board).filter(({ instances }) => (instances ? instances.includes(id) : waits));
