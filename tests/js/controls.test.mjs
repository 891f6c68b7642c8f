// Which controls belong to the moment, and why not the others.

import assert from "node:assert/strict";
import { test } from "node:test";

import { controlsOf } from "../../static/js/controls.js";
import { aBatch, aBoard, aDecision, anInstance, anUpgrade, aReason, AT, NEW } from "./boards.mjs";

const ENDED = { ended_at: AT, status: "Faulted" };
const within = (upgrade = {}, ...reasons) => controlsOf(aBoard(3, { upgrade: anUpgrade(upgrade), ...(reasons.length ? { decision: aDecision(...reasons) } : {}) }));

test("at rest it can be started, and tried again where there is something to try", () => {
  assert.deepEqual(controlsOf(aBoard(3)), { start: "", retry: "Nothing waits to be tried again.", extensions: "Its model has no extensions.", failed: "No instance failed on 16.04.1." });
  assert.equal(controlsOf(aBoard(3, { extensions: ["agent 1.0"] })).extensions, "");
  assert.equal(controlsOf(aBoard(3, { latest_version: null })).failed, "No version is published.");
  assert.equal(within(ENDED, aReason("WaitingToTryAgain", { act: "retry_now" })).retry, "");
  assert.equal(controlsOf(aBoard([anInstance(0, { failed_version: NEW })], { latest_version: NEW, upgrade: anUpgrade(ENDED) })).failed, "");
});

test("the next batch can be hurried in a pause only", () => {
  assert.deepEqual(within({ batches: [aBatch(1)] }), { pause: "", next: "A batch is in flight.", cancel: "" });
  assert.equal(within({ batches: [aBatch(1, AT)] }).next, "It is in no pause between two batches.");
  assert.equal(within({ batches: [aBatch(1, AT)] }, aReason("PauseBetweenBatches", { act: "next_batch_now" })).next, "");
});

test("a paused upgrade is resumed, not paused again", () => assert.deepEqual(Object.keys(within({ paused_by: "ada" })), ["resume", "next", "cancel"]));

test("what stops or rolls back is not steered any more", () => {
  for (const upgrade of [{ status: "RollingBack" }, { cancel_requested_by: "ada" }]) assert.ok(Object.values(within(upgrade)).every(Boolean));
});
