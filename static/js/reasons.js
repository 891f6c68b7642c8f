// The reasons of the feed (docs/rules.md) as the pages say them: who lifts each, what can be done about it here. Pure.

import { awaitedOf, isApprovedAhead } from "./approval.js";
import { number } from "./format.js";
import { faceOfReason } from "./reason-faces.js";

export { briefly } from "./reason-faces.js";

/**
 * What the page can do about a reason: the word on its button, the right it takes, the end of its address. `ids`: to those
 * instances, how many (`counts`) said on it; `version`: the one on the screen, which is meant; `asks: false`: nothing begins by it, so
 * that nobody is asked.
 */
export const ACTS = {
  resume: { word: "Resume", right: "steer", path: "resume/" },
  next_batch_now: { word: "Next batch now", right: "steer", path: "next-batch/" },
  retry_now: { word: "Retry now", right: "steer", path: "retry/" },
  retry_failed: { word: "Retry failed", right: "steer", path: "retry-failed/" },
  start: { word: "Start upgrade", right: "steer", path: "start/" },
  start_unhealthy_first: {
    word: "Upgrade the unhealthy first",
    right: "steer",
    path: "start-unhealthy-first/",
  },
  release: {
    word: "Release",
    right: "steer",
    path: "release/",
    ids: (one) => Boolean(one.quarantined_at || one.failed_version),
  },
  opt_in: {
    word: "Opt in again",
    right: "opt_in",
    path: "opt-in/",
    ids: (one) => Boolean(one.opt_out && !one.opt_out.ending_by),
  },
  undo_opt_in: {
    word: "Keep opted out",
    right: "opt_in",
    path: "keep-opt-out/",
    ids: (one) => Boolean(one.opt_out?.ending_by),
    asks: false,
  },
  approve: {
    word: "Approve",
    right: "steer",
    path: "approve/",
    ids: (one) => one.approval === "waiting",
    counts: true,
    version: awaitedOf,
  },
  withdraw_approval: {
    word: "Withdraw approval",
    right: "steer",
    path: "withdraw-approval/",
    ids: isApprovedAhead,
    asks: false,
  },
  end_fleet_stop: { word: "Resume automatic upgrades", right: "end_fleet_stop", path: "" },
};

export const reasonsIn = ({ scale_set: set }) => set.decision.reasons ?? [];

/** What makes it the same reason, however its numbers move; there may be one for each opt-out. */
export const keyOf = ({ code, gate, instances }) =>
  gate === "opt-out" && instances?.length ? `${code}.${instances[0]}` : code;

/** The ids of the instances that a reason holds; null where it is none of those that there are now. */
export function idsOf(board, key) {
  const found = key ? reasonsIn(board).find((one) => one.instances && keyOf(one) === key) : null;
  return found ? new Set(found.instances) : null;
}

/**
 * In the shape of why.js.
 * @returns {{code: string, fill: string, glyph: string, text: any, since: string, until: string, who: string, detail: string, acts: any[]}}
 */
export function told(reason, board) {
  const { code, since, until } = reason,
    acts = [...seen(reason), ...done(reason, board)];
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

/** It may end in what a person wrote. */
export const sentence = (text) => (/[.!?]$/.test(text) ? text : `${text}.`);

function seen(reason) {
  const { instances } = reason;
  if (!instances?.length) return [];
  if (instances.length === 1) return [{ act: "open", key: instances[0], word: "See it" }];
  return [
    { act: "hold", key: keyOf(reason), word: `See the ${number(instances.length)}`, toggles: true },
  ];
}

function done({ act, instances }, board) {
  const how = Object.hasOwn(ACTS, act) && ACTS[act];
  if (!how) return [];
  const ids =
    how.ids && instances.filter((id) => how.ids(board.instances[board.places.get(id)] ?? {}));
  if (ids?.length === 0) return [];
  const word = how.counts && ids.length > 1 ? `${how.word} ${number(ids.length)}` : how.word;
  const version = how.version && { version: how.version(board) };
  return [{ act: "do", key: act, word, right: how.right, ids: ids?.join() ?? "", ...version }];
}

/** The reasons that hold this very instance: its own, and while an upgrade is still to take it those of the scale set as a whole. */
export const holding = (one, board) =>
  reasonsIn(board).filter(({ instances }) => (instances ? instances.includes(one.id) : one.waits));
