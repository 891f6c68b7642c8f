// What a viewer chose to see: filters, groups, batches done and to come.

import assert from "node:assert/strict";
import { test } from "node:test";

import { batchesOf, endOf, grouped, matches, withPlan } from "../../static/js/view.js";
import { aBatch, aBoard, aMember, anInstance, anOptOut, anUpgrade, AT, NEW, OLD } from "./boards.mjs";

const LATER = "2018-09-25T12:05:00.000Z";

test("a filter takes states and words, in any case", () => {
  const [one] = aBoard([anInstance(7, { zone: "2", health: "unhealthy" })]).instances;
  assert.ok(matches(one, {}, "state"));
  assert.ok(matches(one, { states: ["failed", "unhealthy"] }, "state"));
  assert.ok(!matches(one, { states: ["done"] }, "state"));
  assert.ok(matches(one, { states: ["unhealthy"] }, "health"));
  for (const text of ["WEB_7", " zone 2 ", "16.04.1"]) assert.ok(matches(one, { text }, "state"), text);
  assert.ok(!matches(one, { text: "web_8" }, "state"));
  assert.ok(matches({ ...one, planned: 3 }, { text: "batch 3" }, "state"));
});

test("no upgrade, no batches", () => assert.deepEqual(batchesOf(aBoard(3)), []));

test("batches that were, and those to come as the engine takes them: 20 % of all, ascending ids", () => {
  const list = Array.from({ length: 11 }, (_, id) => anInstance(id));
  list[0] = anInstance(0, { member: aMember(1, "succeeded"), version: NEW });
  list[1] = anInstance(1, { member: aMember(1, "succeeded"), version: NEW });
  list[3] = anInstance(3, { opt_out: anOptOut() });
  list[5] = anInstance(5, { version: NEW });
  const board = aBoard(list, { upgrade: anUpgrade({ batches: [aBatch(1, LATER)] }) });
  const batches = batchesOf(board);
  assert.deepEqual(batches.map((one) => one.ids), [[0, 1], [2, 4], [6, 7], [8, 9], [10]]);
  assert.deepEqual(batches.map((one) => one.number), [1, 2, 3, 4, 5]);
  assert.deepEqual(batches.map((one) => one.planned), [false, true, true, true, true]);
  assert.equal(batches[0].ended - batches[0].began, 300_000);
  assert.equal(batches[2].began, batches[1].ended, "each begins where the one before ends");
  assert.equal(withPlan(board.instances, batches)[4].planned, 2);
});

test("a batch is of one zone, and what is off or in quarantine is in none", () => {
  const zones = ["2", "1", "1", "2", "1", "1", "1", "1"].map((zone, id) => anInstance(id, { zone, power: id === 4 ? "stopped" : "running", quarantined_at: id === 5 ? AT : null }));
  const planned = (upgrade) => batchesOf(aBoard(zones, { upgrade: anUpgrade({ policy: { max_batch_percent: 30 }, ...upgrade }) })).map((one) => one.ids);
  assert.deepEqual(planned(), [[1, 2], [6, 7], [0, 3]]);
  assert.deepEqual(planned({ started_by: "User" }), [[1, 2], [5, 6], [7], [0, 3]]);
  assert.deepEqual(planned({ policy: { max_batch_percent: 30, cross_zone: true } }), [[0, 1], [2, 3], [6, 7]]);
});

test("what failed on this version is left alone by an upgrade that is no new attempt, and comes last in another one", () => {
  const list = [0, 1, 2].map((id) => anInstance(id, { failed_version: id === 1 ? NEW : "" }));
  const planned = (takes_failed) => batchesOf(aBoard(list, { upgrade: anUpgrade({ takes_failed }) })).map((one) => one.ids);
  assert.deepEqual([planned(false), planned(true)], [[[0], [2]], [[0], [2], [1]]]);
});

test("the unhealthy come first where the policy says so, and no healthy one with them", () => {
  const board = (policy) => aBoard([0, 1, 2, 3].map((id) => anInstance(id, { health: id > 2 ? "unhealthy" : "healthy" })), { upgrade: anUpgrade({ policy: { max_batch_percent: 50, ...policy } }) });
  assert.deepEqual(batchesOf(board({ unhealthy_first: true })).map((one) => one.ids), [[3], [0, 1], [2]]);
  assert.deepEqual(batchesOf(board({})).map((one) => one.ids), [[0, 1], [2, 3]]);
});

test("of those that failed only, where only these are wanted", () => {
  const list = Array.from({ length: 5 }, (_, id) => anInstance(id, id < 2 ? { failed_version: NEW, version: id ? NEW : OLD } : {}));
  assert.deepEqual(batchesOf(aBoard(list, { upgrade: anUpgrade({ only_failed: true }) })).map((one) => one.ids), [[0], [1]]);
});

test("nothing more begins in an upgrade that rolls back", () => assert.equal(batchesOf(aBoard(10, { upgrade: anUpgrade({ status: "RollingBack", batches: [aBatch(1)] }) })).length, 1));

test("the pause between batches is in the plan, and a paused upgrade has no times", () => {
  const planned = (upgrade) => batchesOf(aBoard(10, { upgrade: anUpgrade({ batches: [aBatch(1, LATER)], ...upgrade }) }), Date.parse(LATER))[1];
  assert.equal(planned({ policy: { max_batch_percent: 20, pause_seconds: 60 } }).began, Date.parse(LATER) + 60_000);
  assert.equal(planned({ paused_by: "ada" }).began, null);
});

test("of a filter's reason only those that it holds", () => {
  const [one, other] = aBoard(2).instances;
  assert.ok(matches(one, { ids: new Set(["0"]) }, "state"));
  assert.ok(!matches(other, { ids: new Set(["0"]) }, "state"));
});

test("a batch is never smaller than one", () => {
  const batches = batchesOf(aBoard(3, { upgrade: anUpgrade() }));
  assert.deepEqual(batches.map((one) => one.ids), [[0], [1], [2]]);
  assert.equal(batches[0].began, null, "how long one takes is not known yet");
});

test("nothing more is planned once it was cancelled, or has ended", () => {
  const upgrade = { batches: [aBatch(1)] };
  assert.equal(batchesOf(aBoard(10, { upgrade: anUpgrade({ ...upgrade, cancel_requested_by: "ada" }) })).length, 1);
  assert.equal(batchesOf(aBoard(10, { upgrade: anUpgrade({ ...upgrade, ended_at: AT, status: "Faulted" }) })).length, 1);
});

test("the end is a range, as long as the running batch takes no longer than the others", () => {
  const minutes = (n) => Date.parse(AT) + n * 60_000;
  const second = { ...aBatch(2), started_at: new Date(minutes(5)).toISOString() };
  const list = Array.from({ length: 10 }, (_, id) => anInstance(id, id < 4 ? { member: aMember(Math.floor(id / 2), "verifying") } : {}));
  const end = (at, batches) => { const board = aBoard(list, { upgrade: anUpgrade({ batches }) }); return endOf(board, batchesOf(board, minutes(at)), minutes(at)); };
  assert.deepEqual(end(6, [aBatch(1, LATER), second]), { low: minutes(25), high: minutes(31.25), late: false });
  assert.equal(end(13, [aBatch(1, LATER), second]).late, true, "nobody knows for how long its last ones are waited for");
  assert.equal(end(6, [aBatch(1)]), null, "how long one takes is not known yet");
});

test("groups in rising order by number, those without last", () => {
  const zones = ["10", "", "2", "2"].map((zone, id) => anInstance(id, { zone }));
  assert.deepEqual(grouped(aBoard(zones).instances, "zone"), [["2", [2, 3]], ["10", [0]], [0, [1]]]);
  const batches = [anInstance(0), anInstance(1, { member: aMember(1, "upgrading") })];
  assert.deepEqual(grouped(aBoard(batches, { upgrade: anUpgrade({ batches: [aBatch(1)] }) }).instances, "batch"), [[1, [1]], [0, [0]]]);
  const versions = ["16.04.10", "16.04.9"].map((version, id) => anInstance(id, { version }));
  assert.deepEqual(grouped(aBoard(versions).instances, "version").map(([key]) => key), ["16.04.9", "16.04.10"]);
});
