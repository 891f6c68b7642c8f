// Deferred upgrades, as docs/feed.md tells of them: the platform takes an instance when a person has approved the version for it. Pure.

/** The version that waits for approval; "" where upgrades are not deferred, or none begins by itself. */
export function awaited(set, upgrade) {
  const running = upgrade && !upgrade.ended_at ? upgrade : null;
  if (!(running ?? set)?.policy?.deferral || !(running || set.automatic_upgrade)) return "";
  return running ? running.target.version : set.latest_version ?? "";
}

export const awaitedOf = ({ scale_set: set, upgrade }) => awaited(set, upgrade);

/** May it be taken, as far as people's approval goes? */
export const isApproved = (instance, version) => !version || instance.approved_version === version;

/** The ids of those that wait for approval and for nothing else of their own: those of the reason, but for those approved since. */
export function unapproved(board) {
  const version = awaitedOf(board), held = (board.scale_set.decision.reasons ?? []).find(({ act }) => act === "approve");
  const waits = (id) => board.places.has(id) && !isApproved(board.instances[board.places.get(id)], version);
  return held && version ? held.instances.filter(waits) : [];
}

const TAKEN = new Set(["queued", "upgrading", "verifying", "rolling-back"]);

/** Has it been approved, and no batch has it in hand? Then that can be taken back, also of one that failed or was let go. */
export function isApprovedAhead(one, board) {
  const version = awaitedOf(board);
  return Boolean(version) && one.approved_version === version && one.version !== version && !TAKEN.has(one.state);
}

/** Is that what was decided: nothing begins before somebody approves it? */
export const waitsForApproval = ({ scale_set: { decision } }) => decision.code === "WaitsForApproval";

export const approvalSays = (version) => `It waits for somebody to approve the upgrade to ${version}.`;
