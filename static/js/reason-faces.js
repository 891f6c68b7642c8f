// How each reason and decision looks, and what it says in few words. Pure.

import { momentAt, number, percentText, timeAt } from "./format.js";

/** Its fill and glyph. What somebody means to be so waits: only what is wrong is painted as wrong. */
const FACES = {
  NoImagePublished: ["waiting", "pending"],
  SurplusIsKept: ["out", "opted-out"],
  OptOutsKeepTheGateShut: ["attention", "unhealthy"],
  TooManyUnhealthy: ["attention", "unhealthy"],
  MachinesNotMade: ["failure", "failed"],
  MachinesGone: ["attention", "unknown"],
  HealthIsStale: ["attention", "unknown"],
  FleetStopped: ["waiting", "cord"],
  Paused: ["waiting", "held"],
  WaitsForApproval: ["waiting", "held"],
  OptOutsLeaveNothing: ["out", "opted-out"],
  WaitingToTryAgain: ["waiting", "held"],
  LastAttemptStopped: ["waiting", "held"],
  VersionSuspected: ["attention", "failed"],
  VersionWithdrawn: ["attention", "held"],
  PinnedToAnotherVersion: ["waiting", "pending"],
  PinnedVersionWithdrawn: ["attention", "held"],
  AutomaticUpgradesOff: ["waiting", "pending"],
  Quarantined: ["attention", "quarantined"],
  FailedOnThisVersion: ["failure", "failed"],
  OptedOut: ["out", "opted-out"],
  SwitchedOff: ["waiting", "switched-off"],
  RollingBack: ["attention", "rolling-back"],
  InstancesInitializing: ["active", "verifying"],
  PauseBetweenBatches: ["active", "held"],
  CreatingReplacements: ["active", "upgrading"],
  RemovingReplaced: ["active", "upgrading"],
  QuotaUnknown: ["waiting", "unknown"],
  ReplacingOSDisks: ["active", "upgrading"],
  RunningExtensions: ["active", "upgrading"],
  WaitingForHealth: ["active", "verifying"],
  CreatingInstances: ["active", "upgrading"],
  WaitsForItsTurn: ["waiting", "queued"],
};

export function faceOfReason(code) {
  const [fill, glyph] = FACES[code] ?? ["attention", "held"];
  return { fill, glyph };
}

const NOTHING_NEW = () => "";

const BRIEFLY = {
  TooManyUnhealthy: ({ numbers: { unhealthy, total, limit_percent: limit } }) =>
    `Held: ${number(unhealthy)} of ${number(total)} unhealthy, limit ${percentText(limit)}`,
  OptOutsKeepTheGateShut: (_, n) => `Held: ${number(n)} opted out are unhealthy`,
  MachinesNotMade: ({ numbers }) => `${number(numbers.instances)} of ${number(numbers.capacity)} could not be created`,
  MachinesGone: ({ numbers }) => `${number(numbers.instances)} of ${number(numbers.capacity)} gone at the provider`,
  FleetStopped: () => "Held: the fleet is stopped",
  WaitsForApproval: (_, n) => `${number(n)} waiting for approval`,
  OptOutsLeaveNothing: () => "The remaining instances are opted out",
  WaitingToTryAgain: ({ until }) => `Retries at ${momentAt(until)}`,
  LastAttemptStopped: () => "Cancelled. Start manually to continue",
  PauseBetweenBatches: ({ until }) => `Pauses until ${timeAt(until)}`,
  Quarantined: (_, n) => `${number(n)} in quarantine`,
  FailedOnThisVersion: (_, n) => `${number(n)} failed, not retried`,
  SwitchedOff: (_, n) => `${number(n)} switched off`,
  OptedOut: NOTHING_NEW,
  WaitsForItsTurn: NOTHING_NEW,
  ReplacingOSDisks: NOTHING_NEW,
  RunningExtensions: NOTHING_NEW,
  CreatingReplacements: NOTHING_NEW,
  WaitingForHealth: NOTHING_NEW,
};

/** In the few words that a row has room for; "" where they would say nothing new there. */
export function briefly(reason) {
  const { code, text, instances } = reason;
  return Object.hasOwn(BRIEFLY, code) ? BRIEFLY[code](reason, instances?.length ?? 0) : text;
}
