// The state of an upgrade in one word. Pure.

const ENDED_OR_RUNS = {
  Completed: { fill: "done", glyph: "done", word: "Completed" },
  Cancelled: { fill: "waiting", glyph: "held", word: "Cancelled" },
  Faulted: { fill: "failure", glyph: "failed", word: "Stopped" },
  RollingForward: { fill: "active", glyph: "upgrading", word: "Rolling forward" },
  RollingBack: { fill: "attention", glyph: "rolling-back", word: "Rolling back" },
};

/** What keeps a running upgrade from its next batch, by what was decided, in few words. */
const WAITS = {
  Paused: "Paused",
  WaitsForApproval: "Waits for approval",
  HealthIsStale: "Held",
  FleetStopped: "Held",
};

export function statusOf({ upgrade, scale_set: { decision } }) {
  if (!upgrade) return { fill: "waiting", glyph: "pending", word: "Never upgraded" };
  const word = upgrade.status === "RollingForward" && (upgrade.cancel_requested_by ? "Cancelling" : WAITS[decision.code]);
  return word ? { fill: "waiting", glyph: "held", word } : ENDED_OR_RUNS[upgrade.status];
}
