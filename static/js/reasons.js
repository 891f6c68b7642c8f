// The reasons of the feed (docs/rules.md) as the pages say them: how each looks, in few words, who lifts it, what can be done here. Pure.

import { awaitedOf, isApproved, isApprovedAhead } from "./approval.js";
import { hasAll, runsExtensions } from "./extensions.js";
import { momentAt, number, percentText, timeAt } from "./format.js";
import { targetOf } from "./summary.js";

const FACES = {
  NoImagePublished: ["waiting", "pending"], SurplusIsKept: ["out", "opted-out"], OptOutsKeepTheGateShut: ["attention", "unhealthy"], TooManyUnhealthy: ["attention", "unhealthy"],
  MachinesNotMade: ["failure", "failed"], MachinesGone: ["attention", "unknown"],
  HealthIsStale: ["attention", "unknown"], FleetStopped: ["attention", "cord"], Paused: ["attention", "held"], WaitsForApproval: ["attention", "held"], OptOutsLeaveNothing: ["out", "opted-out"],
  WaitingToTryAgain: ["attention", "held"], LastAttemptStopped: ["attention", "held"], VersionSuspected: ["attention", "failed"], VersionWithdrawn: ["attention", "held"], PinnedToAnotherVersion: ["waiting", "pending"], PinnedVersionWithdrawn: ["attention", "held"], AutomaticUpgradesOff: ["waiting", "pending"],
  Quarantined: ["attention", "quarantined"], FailedOnThisVersion: ["failure", "failed"], OptedOut: ["out", "opted-out"], SwitchedOff: ["waiting", "switched-off"],
  RollingBack: ["attention", "rolling-back"], InstancesInitializing: ["active", "verifying"], PauseBetweenBatches: ["active", "held"],
  CreatingReplacements: ["active", "upgrading"], RemovingReplaced: ["active", "upgrading"], QuotaUnknown: ["waiting", "unknown"],
  ReplacingOSDisks: ["active", "upgrading"], RunningExtensions: ["active", "upgrading"], WaitingForHealth: ["active", "verifying"], CreatingInstances: ["active", "upgrading"], WaitsForItsTurn: ["waiting", "queued"],
};
const WHO = { nobody: "passes by itself", operator: "an operator can lift it", owner: "who opted out can lift it", publisher: "a new version lifts it" };

/**
 * What the page can do about a reason: the word on its button, the right it takes, the end of its address. `ids`: to those instances, how
 * many (`counts`) said on it; `version`: the one on the screen, which is meant; `asks: false`: nothing begins by it, so that nobody is asked.
 */
export const ACTS = {
  resume: { word: "Resume", right: "steer", path: "resume/" },
  next_batch_now: { word: "Next batch now", right: "steer", path: "next-batch/" },
  retry_now: { word: "Retry now", right: "steer", path: "retry/" },
  retry_failed: { word: "Retry failed", right: "steer", path: "retry-failed/" },
  start: { word: "Start upgrade", right: "steer", path: "start/" },
  start_unhealthy_first: { word: "Upgrade the unhealthy first", right: "steer", path: "start-unhealthy-first/" },
  release: { word: "Release", right: "steer", path: "release/", ids: (one) => Boolean(one.quarantined_at || one.failed_version) },
  opt_in: { word: "Opt in again", right: "opt_in", path: "opt-in/", ids: (one) => Boolean(one.opt_out && !one.opt_out.ending_by) },
  approve: { word: "Approve", right: "steer", path: "approve/", ids: (one, board) => Boolean(one.id) && !isApproved(one, awaitedOf(board)), counts: true, version: awaitedOf },
  undo_opt_in: { word: "Keep opted out", right: "opt_in", path: "keep-opt-out/", ids: (one) => Boolean(one.opt_out?.ending_by), asks: false },
  withdraw_approval: { word: "Withdraw approval", right: "steer", path: "withdraw-approval/", ids: isApprovedAhead, asks: false },
  end_fleet_stop: { word: "Resume automatic upgrades", right: "end_fleet_stop", path: "" },
};

export const reasonsIn = ({ scale_set: set }) => set.decision.reasons ?? [];

/** What makes it the same reason, however its numbers move; there may be one for each opt-out. */
export const keyOf = ({ code, gate, instances }) => (gate === "opt-out" && instances?.length ? `${code}.${instances[0]}` : code);

/** The ids of the instances that a reason holds; null where it is none of those that there are now. */
export function idsOf(board, key) {
  const found = key ? reasonsIn(board).find((one) => one.instances && keyOf(one) === key) : null;
  return found ? new Set(found.instances) : null;
}

/** In the shape of why.js: {code, fill, glyph, text, since, until, who, detail, acts}. */
export function told(reason, board) {
  const [fill, glyph] = FACES[reason.code] ?? ["attention", "held"];
  return { code: reason.code, fill, glyph, text: sentence(reason.text), since: reason.since, until: reason.until, who: WHO[reason.who] ?? "", detail: "", acts: [...seen(reason), ...done(reason, board)] };
}

/** It may end in what a person wrote. */
const sentence = (text) => (/[.!?]$/.test(text) ? text : `${text}.`);

function seen({ instances, ...reason }) {
  if (!instances?.length) return [];
  if (instances.length === 1) return [{ act: "open", key: instances[0], word: "See it" }];
  return [{ act: "hold", key: keyOf({ instances, ...reason }), word: `See the ${number(instances.length)}`, toggles: true }];
}

function done({ act, instances }, board) {
  const how = Object.hasOwn(ACTS, act) && ACTS[act];
  if (!how) return [];
  const ids = how.ids && instances.filter((id) => how.ids(board.instances[board.places.get(id)] ?? {}, board));
  if (ids?.length === 0) return [];
  const word = how.counts && ids.length > 1 ? `${how.word} ${number(ids.length)}` : how.word;
  return [{ act: "do", key: act, word, right: how.right, ids: ids?.join() ?? "", ...(how.version && { version: how.version(board) }) }];
}

const WAITS = new Set(["pending", "held", "failed", "rolled-back", "unhealthy", "unknown"]);

/** The reasons that hold this very instance: its own, and while it waits for another version those of the scale set as a whole. */
export function holding(one, board) {
  const hasIt = runsExtensions(board) ? hasAll(one, board.upgrade.extensions) : one.version === targetOf(board);
  const waits = WAITS.has(one.state) && !hasIt;
  return reasonsIn(board).filter(({ instances }) => (instances ? instances.includes(one.id) : waits));
}

/** In the few words that a row has room for; "" where they would say nothing new there. */
export function briefly({ code, text, until, numbers, instances }) {
  const n = number(instances?.length ?? 0);
  const says = {
    TooManyUnhealthy: () => `Held: ${number(numbers.unhealthy)} of ${number(numbers.total)} unhealthy, limit ${percentText(numbers.limit_percent)}`,
    OptOutsKeepTheGateShut: () => `Held: ${n} opted out are unhealthy`,
    MachinesNotMade: () => `${number(numbers.instances)} of ${number(numbers.capacity)} could not be made`,
    MachinesGone: () => `${number(numbers.instances)} of ${number(numbers.capacity)} gone at the provider`,
    FleetStopped: () => "Held: the fleet is stopped",
    WaitsForApproval: () => `${n} ${instances.length === 1 ? "waits" : "wait"} for approval`,
    OptOutsLeaveNothing: () => "All that are left are opted out",
    WaitingToTryAgain: () => `Tried again at ${momentAt(until)}`,
    LastAttemptStopped: () => "Cancelled; starts again by hand",
    PauseBetweenBatches: () => `Pauses until ${timeAt(until)}`,
    Quarantined: () => `${n} in quarantine`,
    FailedOnThisVersion: () => `${n} failed, not tried again`,
    SwitchedOff: () => `${n} switched off`,
    OptedOut: () => "", WaitsForItsTurn: () => "", ReplacingOSDisks: () => "", RunningExtensions: () => "", CreatingReplacements: () => "", WaitingForHealth: () => "",
  };
  return says[code] ? says[code]() : text;
}
