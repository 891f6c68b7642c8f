// Batches that surge: of two instances that share one place one counts, and each says what becomes of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { counted, eligible, safety } from "../../static/js/state.js";
import { summaryOf } from "../../static/js/summary.js";
import { isReplaced, isSpare, proper } from "../../static/js/surges.js";
import { batchesOf } from "../../static/js/view.js";
import { whyInstance } from "../../static/js/why.js";
import { aBatch, aBoard, aMember, anInstance, anOptOut, anUpgrade, NEW, POLICY } from "./boards.mjs";

const upgrade = anUpgrade({ batches: [aBatch(1)], policy: { ...POLICY, max_surge: true } });
const member = (state) => aMember(1, state, { instance: "0", replacement: "5" });

/** Five instances, of which the first is to be replaced by number 5: how the old one and the new one are. */
function board(state, old = {}, fresh = {}) {
  const others = [1, 2, 3, 4].map((id) => anInstance(id));
  const pair = [old && anInstance(0, { member: member(state), ...old }), fresh && anInstance(5, { member: member(state), version: NEW, ...fresh })];
  return aBoard([...pair.filter(Boolean), ...others], { upgrade, capacity: 5, latest_version: NEW });
}

const made = { operation: "create", version: "", health: "initializing", provisioning: "creating" };
const ids = (list) => list.map((one) => one.id);

test("there is one instance for each place, at every moment", () => {
  for (const state of ["queued", "upgrading", "verifying", "failed", "skipped"]) assert.deepEqual(ids(proper(board(state, {}, made).instances)), ["0", "1", "2", "3", "4"], state);
  assert.deepEqual(ids(proper(board("succeeded", { operation: "delete" }).instances)), ["1", "2", "3", "4", "5"]);
  assert.deepEqual(ids(proper(board("succeeded", null).instances)), ["1", "2", "3", "4", "5"]);
  assert.deepEqual(ids(counted(board("verifying", {}, { health: "unhealthy" }).instances)), ["0", "1", "2", "3", "4"]);
});

test("the figures are of the places", () => {
  const before = summaryOf(board("upgrading", {}, made)), after = summaryOf(board("succeeded", { operation: "delete" }));
  assert.deepEqual([before.size, before.done, before.moving, before.current], [5, 0, 1, 0]);
  assert.deepEqual([after.size, after.done, after.moving, after.current], [5, 1, 0, 1]);
  assert.equal(eligible(board("upgrading", { opt_out: anOptOut() }, made).instances).length, 4);
  assert.equal(safety(board("verifying", {}, { health: "unknown" })).all.count, 0);
  assert.deepEqual([safety(board("failed", {}, null)).upgraded.count, safety(board("failed", {}, null)).upgraded.of], [1, 1]);
  assert.equal(safety(board("succeeded", { operation: "delete" }, { health: "unhealthy" })).upgraded.count, 1);
});

test("a batch is as large as it is, whoever of its pairs are there", () => {
  const sizes = (one) => batchesOf(one, 0).map((batch) => batch.ids.length);
  for (const one of [board("upgrading", {}, made), board("succeeded", { operation: "delete" }), board("succeeded", null), board("failed", {}, null)]) assert.deepEqual(sizes(one), [1, 1, 1, 1, 1]);
});

test("a member of a batch in place, and its successor's, is no pair", () => {
  const one = anInstance(5, { member: aMember(1, "succeeded", { instance: "5" }) });
  assert.ok(!isSpare(one) && !isReplaced(one));
  const later = anInstance(5, { member: aMember(1, "upgrading", { instance: "5", replacement: "9" }) });
  assert.ok(!isSpare(later) && !isReplaced(later));
});

test("each of the two says what becomes of it", () => {
  const says = (id, ...of) => { const one = board(...of); return whyInstance(one.instances.find((each) => each.id === id), one); };
  assert.match(says("0", "upgrading", {}, made), /^It serves on until instance 5, which is to take its place, is healthy/);
  assert.match(says("5", "upgrading", {}, made), /^The machine is being made; it is to take the place of instance 0/);
  assert.match(says("5", "verifying", {}, { health: "initializing", health_detail: "HTTP 503" }), /^It takes the place of instance 0 when it is healthy.*So far: HTTP 503/);
  assert.match(says("0", "succeeded", { operation: "delete" }), /^Instance 5 has taken its place; the machine is being removed/);
  assert.match(says("5", "failed", {}, { operation: "delete" }), /^It does not take the place of instance 0/);
  assert.match(says("5", "failed", {}, { opt_out: anOptOut() }), /^It was to take the place of instance 0/);
  assert.equal(says("5", "succeeded", null), "On the newest image, and healthy.");
});
