// What is said where there is little to say it of.

import assert from "node:assert/strict";
import { test } from "node:test";

import { exactMomentAt } from "../../static/js/format.js";
import { gauges, rail, statusOf, steps } from "../../static/js/instruments.js";
import { batchesOf, matches } from "../../static/js/view.js";
import { whyInstance } from "../../static/js/why.js";
import { aBatch, aBoard, aMember, anInstance, anUpgrade, AT, NEW, OLD } from "./boards.mjs";

const NOW = Date.parse(AT) + 60_000;
const plain = (markup) => String(markup).replace(/<[^>]*>/g, " ");

test("nothing is counted where there is nothing", () => {
  const none = aBoard(0, { upgrade: anUpgrade({ batches: [aBatch(1)] }) });
  const said = plain(gauges(none)) + plain(steps(none, batchesOf(none, NOW), NOW)) + plain(rail(none, batchesOf(none, NOW)));
  assert.doesNotMatch(said, /0 of 0|NaN|undefined|Invalid|null/);
  assert.match(said, /no instances/);
});

test("the batch that is held before it begins has its own number", () => {
  const heading = (batches, members) => {
    const board = aBoard(members, { upgrade: anUpgrade({ batches }) });
    return plain(steps(board, batchesOf(board, NOW), NOW)).match(/Batch \d of \d/)[0];
  };
  assert.equal(heading([], 5), "Batch 1 of 5");
  const done = [anInstance(0, { member: aMember(1, "succeeded"), version: NEW }), ...[1, 2, 3, 4].map((id) => anInstance(id))];
  assert.equal(heading([aBatch(1, AT)], done), "Batch 2 of 5");
});

test("each limit stands with its own figure", () => {
  const limits = { max_batch_percent: 20, max_unhealthy_percent: 30, max_unhealthy_upgraded_percent: 7.5, pause_seconds: 0 };
  const said = plain(gauges(aBoard([anInstance(0, { member: aMember(1, "succeeded"), version: NEW })], { upgrade: anUpgrade({ policy: limits, batches: [aBatch(1)] }) })));
  assert.match(said, /0 of 1, limit 30\u00a0%/);
  assert.match(said, /0 of 1, limit 7\.5\u00a0%/);
});

test("one instance is no plural", () => {
  const board = aBoard([anInstance(0, { member: aMember(1, "upgrading") })], { upgrade: anUpgrade({ batches: [aBatch(1)] }) });
  assert.match(plain(rail(board, batchesOf(board, NOW))), /Batch 1, 1 instance, running/);
});

test("the rail shows how many were not tried, and who failed apart from who is ill", () => {
  const progress = { successful: 1, failed: 1, in_progress: 0, pending: 8 };
  const upgrade = anUpgrade({ status: "Faulted", ended_at: AT, batches: [aBatch(1, AT)], progress });
  const list = Array.from({ length: 10 }, (_, id) => anInstance(id, id < 2 ? { member: aMember(1, ["succeeded", "failed"][id]), version: NEW, health: "unhealthy" } : {}));
  const drawn = String(rail(aBoard(list, { upgrade }), batchesOf(aBoard(list, { upgrade }), NOW)));
  assert.match(drawn, /class="rest" data-vars="size:8"/);
  assert.match(plain(drawn), /8 not tried/);
  assert.match(drawn, /data-fill="attention" data-vars="share:100%".*data-fill="failure" data-vars="share:50%"/);
  const done = anUpgrade({ status: "Completed", ended_at: AT, batches: [aBatch(1, AT)], progress: { ...progress, pending: 0 } });
  assert.doesNotMatch(plain(rail(aBoard(list, { upgrade: done }), batchesOf(aBoard(list, { upgrade: done }), NOW))), /not tried/);
});

test("what was rolled back is a failure in the rail", () => {
  const list = Array.from({ length: 4 }, (_, id) => anInstance(id, id < 2 ? { member: aMember(1, ["succeeded", "rolled_back"][id]), version: id ? OLD : NEW, failed_version: id ? NEW : "" } : {}));
  const board = aBoard(list, { latest_version: NEW, upgrade: anUpgrade({ batches: [aBatch(1, AT)] }) });
  assert.match(String(rail(board, batchesOf(board, NOW))), /data-fill="failure" data-vars="share:50%"/);
});

test("a running upgrade that is held says how in one word", () => {
  const said = (upgrade, decision = {}) => statusOf(aBoard(1, { decision, upgrade: anUpgrade(upgrade) })).word;
  assert.deepEqual([said({}), said({ paused_by: "ada" }), said({}, { code: "FleetStopped" }), said({ status: "RollingBack" })], ["Rolling forward", "Paused", "Held", "Rolling back"]);
});

test("a batch that takes longer than the others has no end yet", () => {
  const list = Array.from({ length: 10 }, (_, id) => anInstance(id, id < 4 ? { member: aMember(Math.floor(id / 2), "verifying") } : {}));
  const board = aBoard(list, { upgrade: anUpgrade({ batches: [aBatch(1, "2018-09-25T12:00:06.000Z"), aBatch(2)] }) });
  assert.match(plain(steps(board, batchesOf(board, NOW), NOW)), /Expected end, \S+\s+after \d\d:\d\d/);
});

test("a stop is said in Azure's words beside the upgrade, and in ours among the reasons", () => {
  const error = { code: "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade", message: "Rolling Upgrade failed. 50% of instances are ... threshold of 20%." };
  const board = aBoard(10, { latest_version: NEW, upgrade: anUpgrade({ status: "Faulted", ended_at: AT, error, batches: [aBatch(1, AT)] }) });
  assert.match(plain(steps(board, batchesOf(board, NOW), NOW)), /50% of instances are/);
});

test("batch 1 is not batch 12", () => {
  const one = aBoard([anInstance(0, { zone: "1" })]).instances[0];
  assert.ok(matches({ ...one, planned: 1 }, { text: "batch 1" }, "state"));
  assert.ok(!matches({ ...one, planned: 12 }, { text: "batch 1" }, "state"));
  assert.ok(matches({ ...one, planned: 12 }, { text: "batch" }, "state"));
});

test("plans go by the server's clock", () => {
  const board = aBoard(10, { upgrade: anUpgrade({ batches: [aBatch(1, "2018-09-25T12:05:00.000Z")] }) });
  const later = Date.parse("2018-09-25T13:00:00.000Z");
  assert.equal(batchesOf(board, later)[1].began, later);
});

test("a stop that waits for a person is not said to go on by itself", () => {
  const board = aBoard(1, { latest_version: NEW, decision: { code: "LastAttemptStopped", text: "It starts again by hand.", since: AT } });
  assert.equal(whyInstance(board.instances[0], board), "It starts again by hand.");
});

test("a moment to the second has its day unless that is today", () => {
  const at = new Date(2018, 8, 25, 12, 4, 5).getTime();
  assert.deepEqual([exactMomentAt(at, at), exactMomentAt(at, at + 2 * 864e5)], ["12:04:05", "25 Sept 2018, 12:04:05"]);
});
