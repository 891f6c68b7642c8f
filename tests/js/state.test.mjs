// What a board is, and how deltas change it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { applyDelta, emptyBoard, FILLS, follows, HEALTH, isReady, safety, STATES, WORST_FIRST } from "../../static/js/state.js";
import { aBatch, aBoard, aDelta, after, aMember, anInstance, anOptOut, anUpgrade, AT, NEW, OLD, POLICY, statesOf } from "./boards.mjs";

const stateOf = (changes, set = {}) => statesOf(aBoard([anInstance(0, changes)], { latest_version: NEW, ...set }))[0];

test("every state has one of the six fills, and a place among the worst", () => {
  for (const { fill } of [...Object.values(STATES), ...Object.values(HEALTH)]) assert.ok(FILLS.includes(fill));
  assert.deepEqual([...WORST_FIRST].sort(), Object.keys(STATES).sort());
});

test("the state of an instance while no upgrade runs", () => {
  assert.equal(stateOf({}), "pending");
  assert.equal(stateOf({}, { decision: { code: "HealthIsStale", text: "" } }), "held");
  assert.equal(stateOf({ version: NEW }), "done");
  assert.equal(stateOf({}, { latest_version: null }), "done");
  assert.equal(stateOf({ version: NEW, health: "initializing" }), "verifying");
  assert.equal(stateOf({ operation: "create", provisioning: "creating", health: "initializing" }), "upgrading");
  assert.equal(stateOf({ opt_out: anOptOut() }), "opted-out");
});

test("what is bad is never hidden behind what is merely true", () => {
  assert.equal(stateOf({ health: "unhealthy", opt_out: anOptOut() }), "unhealthy");
  assert.equal(stateOf({ health: "unknown", version: NEW }), "unknown");
  assert.equal(stateOf({ health: "unhealthy", failed_version: NEW }), "failed");
  assert.equal(stateOf({ failed_version: OLD }), "pending", "it failed on another version");
  assert.equal(stateOf({ provisioning: "failed", opt_out: anOptOut() }), "failed");
});

test("an instance that failed and has its old disk again is rolled back, unless it is worse", () => {
  const member = aMember(1, "rolled_back");
  const ended = { upgrade: anUpgrade({ status: "Faulted", ended_at: "2018-09-25T13:00:00Z" }) };
  assert.equal(stateOf({ member, failed_version: NEW }, ended), "rolled-back");
  assert.equal(stateOf({ member, failed_version: NEW, health: "initializing" }, { upgrade: anUpgrade() }), "rolled-back");
  assert.equal(stateOf({ member, failed_version: NEW, health: "unhealthy" }, ended), "unhealthy");
  assert.equal(stateOf({ member, failed_version: NEW, opt_out: anOptOut() }, ended), "rolled-back");
  assert.equal(stateOf({ member, failed_version: NEW }, { ...ended, latest_version: "16.04.3" }), "pending", "it may have the next version");
  assert.equal(stateOf({ member: aMember(1, "failed", { rollback_error: "no such disk" }), failed_version: NEW, version: NEW }, ended), "failed");
});

test("a disk that is put back is under way, in the upgrade and after a crash of it", () => {
  assert.equal(stateOf({ member: aMember(1, "rolling_back"), health: "unhealthy", failed_version: NEW }, { upgrade: anUpgrade({ status: "RollingBack" }) }), "rolling-back");
  assert.equal(stateOf({ operation: "restore", provisioning: "updating" }), "rolling-back");
});

test("quarantine is another thing than an opt-out, and a machine that is off another than an ill one", () => {
  assert.equal(stateOf({ quarantined_at: AT, failed_version: NEW, opt_out: anOptOut() }), "quarantined");
  assert.equal(stateOf({ quarantined_at: AT, member: aMember(1, "upgrading") }, { upgrade: anUpgrade() }), "upgrading", "a person upgrades it");
  assert.equal(stateOf({ power: "stopped", health: "unknown" }), "switched-off");
  assert.equal(stateOf({ power: "stopped", health: "unknown", opt_out: anOptOut() }), "switched-off");
  assert.equal(stateOf({ power: "stopped", failed_version: NEW }), "failed");
});

test("whatever holds an upgrade holds those that are to come", () => {
  for (const code of ["TooManyUnhealthy", "Paused", "FleetStopped", "WaitingToTryAgain", "LastAttemptStopped"]) assert.equal(stateOf({}, { decision: { code, text: "" } }), "held", code);
  for (const code of ["PauseBetweenBatches", "WaitingForHealth", "ReplacingOSDisks"]) assert.equal(stateOf({}, { decision: { code, text: "" } }), "pending", code);
});

test("the state of an instance within the running upgrade", () => {
  const within = (changes, upgrade = {}) => stateOf(changes, { upgrade: anUpgrade(upgrade) });
  for (const state of ["queued", "upgrading", "verifying"]) assert.equal(within({ member: aMember(1, state), health: "unhealthy" }), state);
  assert.equal(within({ member: aMember(1, "succeeded"), version: NEW }), "done");
  assert.equal(within({ member: aMember(1, "queued", { upgrade: "an earlier one" }) }), "pending");
  assert.equal(within({ member: aMember(1, "queued") }, { ended_at: "2018-09-25T13:00:00Z", status: "Cancelled" }), "pending");
});

test("the target of a running upgrade counts, not what was published meanwhile", () => {
  const board = aBoard([anInstance(0, { version: NEW })], { latest_version: "16.04.3", upgrade: anUpgrade() });
  assert.deepEqual(statesOf(board), ["done"]);
});

test("a delta replaces instances by their ids and touches nothing else", () => {
  const before = aBoard(3, { latest_version: NEW });
  const board = after(before, { instances: [anInstance(1, { health: "unhealthy" })] });
  assert.deepEqual(statesOf(board), ["pending", "unhealthy", "pending"]);
  assert.deepEqual([...board.touched], [1]);
  assert.equal(board.rebuilt, false);
  assert.equal(board.instances[0], before.instances[0]);
  assert.deepEqual(statesOf(before), ["pending", "pending", "pending"], "the board before is as it was");
});

test("instances come and go, and stay in the order of their numbers", () => {
  const board = after(aBoard(3), { removed: ["0", "2"], instances: [anInstance(10), anInstance(4)] });
  assert.deepEqual(board.instances.map((one) => one.id), ["1", "4", "10"]);
  assert.deepEqual([...board.places], [["1", 0], ["4", 1], ["10", 2]]);
  assert.equal(board.rebuilt, true);
});

test("one that is removed and made anew in the same delta is there", () => {
  const board = after(aBoard(2), { removed: ["1"], instances: [anInstance(1, { version: NEW })] });
  assert.deepEqual(board.instances.map((one) => one.version), [OLD, NEW]);
});

test("a newer image makes all of them pending, without a word on any", () => {
  const before = aBoard(3);
  assert.deepEqual(statesOf(before), ["done", "done", "done"]);
  const board = after(before, { scale_set: { ...before.scale_set, latest_version: NEW, wanted_version: NEW } });
  assert.deepEqual(statesOf(board), ["pending", "pending", "pending"]);
  assert.deepEqual([...board.touched], [0, 1, 2]);
});

test("a new upgrade voids the batches of the one before", () => {
  const before = aBoard([anInstance(0, { member: aMember(1, "succeeded"), version: NEW })], { upgrade: anUpgrade({ batches: [aBatch(1)] }) });
  assert.equal(before.instances[0].batch, 1);
  assert.equal(after(before, { upgrade: anUpgrade({ id: "u2" }) }).instances[0].batch, null);
});

test("only what begins where the board is may be applied", () => {
  const board = { ...aBoard(1), seq: 5 };
  assert.ok(follows(board, aDelta({ since: 5, seq: 6 })));
  assert.ok(follows(board, aDelta({ since: 3, seq: 6 })), "it began earlier, and holds whole resources");
  assert.ok(!follows(board, aDelta({ since: 6, seq: 7 })), "a gap");
  assert.ok(!follows(board, aDelta({ since: 3, seq: 5 })), "old");
  assert.ok(!follows(board, aDelta({ since: 5, seq: 6, stream: "another" })));
  assert.equal(applyDelta(board, aDelta({ since: 3, seq: 9 })).seq, 9);
});

test("a board of which nothing is known yet is not ready", () => {
  assert.equal(isReady(emptyBoard("fleet/web")), false);
  assert.equal(isReady(aBoard(0)), true);
});

test("strictly more than the limit stops", () => {
  const sick = (n, of) => safety(aBoard(Array.from({ length: of }, (_, id) => anInstance(id, id < n ? { health: id % 2 ? "unknown" : "unhealthy" } : {})))).all;
  assert.deepEqual(sick(2, 10), { count: 2, of: 10, limit: 20, percent: 20, room: 0, over: false });
  assert.deepEqual([sick(3, 10).over, sick(3, 10).room], [true, -1]);
  assert.deepEqual([sick(1, 7).over, sick(2, 7).over], [false, true]);
  assert.deepEqual([sick(0, 0).over, sick(0, 0).percent], [false, 0]);
});

test("machines that are off, and those that leave, count for no limit", () => {
  const list = [{ power: "stopped", health: "unknown" }, { operation: "delete", health: "unhealthy" }, { health: "unhealthy" }, {}, {}].map((changes, id) => anInstance(id, changes));
  const { count, of, over } = safety(aBoard(list)).all;
  assert.deepEqual([count, of, over], [1, 3, true]);
});

test("what was rolled back counts as failed", () => {
  const upgraded = [aMember(1, "rolled_back"), aMember(1, "rolling_back"), aMember(1, "succeeded"), aMember(1, "skipped")];
  const reading = safety(aBoard(upgraded.map((member, id) => anInstance(id, { member })), { upgrade: anUpgrade() })).upgraded;
  assert.deepEqual([reading.count, reading.of], [2, 3]);
});

test("of those upgraded so far, the failed and the unhealthy count against their own limit", () => {
  const upgraded = [aMember(1, "failed"), aMember(1, "succeeded"), aMember(1, "succeeded"), aMember(2, "upgrading")];
  const list = upgraded.map((member, id) => anInstance(id, { member, health: id === 2 ? "unhealthy" : "healthy" }));
  const reading = safety(aBoard(list, { upgrade: anUpgrade({ policy: { ...POLICY, max_unhealthy_upgraded_percent: 70 } }) })).upgraded;
  assert.deepEqual([reading.count, reading.of, reading.limit, reading.over], [2, 3, 70, false]);
});
