// Upgrades of the extensions: who has them, what waits, and the words for it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { extensionsOf, hasAll } from "../../static/js/extensions.js";
import { needsOf } from "../../static/js/needs.js";
import { summaryOf, targetOf } from "../../static/js/summary.js";
import { batchesOf } from "../../static/js/view.js";
import { reasonsOf, whyInstance, whyNotNow } from "../../static/js/why.js";
import { aBatch, aBoard, aDecision, after, aMember, anInstance, anOptOut, anUpgrade, aReason, AT, NEW, OLD, statesOf } from "./boards.mjs";

const WANTED = ["agent 2.0"];
const agent = (version, state = "succeeded") => [{ name: "Agent", state, message: "", version }];
const having = (id, version, changes = {}) => anInstance(id, { extensions: agent(version), ...changes });
const extending = (changes = {}) => anUpgrade({ kind: "extensions", extensions: WANTED, target: { version: "" }, started_by: "User", ...changes });
const member = (state, changes = {}) => aMember(1, state, { kind: "extensions", ...changes });
const board = (list, upgrade = extending(), set = {}) => aBoard(list, { upgrade, latest_version: OLD, extensions: WANTED, ...set });

test("what an instance has is told as the server does", () => {
  const list = [{ name: "Script", state: "creating", version: "1" }, { name: "agent", state: "succeeded", version: "" }, { name: "bad", state: "failed", version: "3" }];
  assert.deepEqual(extensionsOf(anInstance(0, { extensions: list })), ["agent", "script 1"]);
  assert.equal(hasAll(having(0, "2.0"), WANTED), true);
  assert.equal(hasAll(anInstance(0, { extensions: agent("2.0", "failed") }), WANTED), false);
  assert.equal(hasAll(anInstance(0, { extensions: [{ name: "old feed", state: "succeeded", message: "" }] }), ["old feed"]), true);
});

test("who has them is up to date, whatever its image; who lacks them waits", () => {
  const list = [having(0, "2.0"), having(1, "1.0"), having(2, "1.0", { opt_out: anOptOut() }), having(3, "1.0", { member: member("queued") }), having(4, "1.0", { operation: "extensions", member: member("upgrading") }), having(5, "2.0", { health: "initializing", member: member("verifying") }), having(6, "1.0", { member: member("failed") })];
  assert.deepEqual(statesOf(board(list)), ["done", "pending", "opted-out", "queued", "upgrading", "verifying", "failed"]);
});

test("once it has ended the image counts again", () => {
  const before = board([having(0, "1.0"), having(1, "1.0", { member: member("failed") })]);
  assert.deepEqual(statesOf(before), ["pending", "failed"]);
  assert.deepEqual(statesOf(after(before, { upgrade: extending({ ended_at: AT, status: "Completed" }) })), ["done", "done"]);
});

test("the image that is shown meanwhile is the latest one", () => {
  assert.equal(targetOf(board([having(0, "1.0")])), OLD);
  assert.equal(summaryOf(board([having(0, "1.0")])).current, 1);
});

test("the batches to come are of those that lack them", () => {
  const list = [having(0, "2.0", { member: member("succeeded") }), having(1, "1.0"), having(2, "2.0"), having(3, "1.0", { opt_out: anOptOut() }), having(4, "1.0", { quarantined_at: AT }), having(5, "1.0", { version: "" })];
  const planned = batchesOf(board(list, extending({ batches: [aBatch(1, AT)] })), Date.parse(AT)).filter((one) => one.planned);
  assert.deepEqual(planned.map((one) => one.ids), [[1], [4]]);
});

test("each instance says what is done to it", () => {
  const say = (one) => whyInstance(board([one]).instances[0], board([one]));
  assert.equal(say(having(0, "2.0")), "It has the model's extensions, and is healthy.");
  assert.equal(say(having(0, "1.0")), "Waits for the next upgrade of extensions.");
  assert.equal(say(having(0, "1.0", { member: member("queued") })), "Chosen for batch 1; its extensions are run in a moment.");
  assert.equal(say(having(0, "1.0", { operation: "extensions", member: member("upgrading") })), "Its extensions are being run; its disks stay as they are.");
  assert.match(say(having(0, "2.0", { health: "initializing", member: member("verifying") })), /^Its extensions were run; its health is awaited/);
});

test("the reasons of the set hold those that lack them only", () => {
  const decision = aDecision(aReason("Paused", { act: "resume" }));
  const found = board([having(0, "2.0", { health: "unhealthy" }), having(1, "1.0")], extending({ paused_by: "ada" }), { decision });
  assert.deepEqual(found.instances.map((one) => whyNotNow(one, found).length), [0, 1]);
});

test("running extensions is calm, a stop is told as what it was", () => {
  const decision = aDecision(aReason("RunningExtensions", { text: "Running extensions on 2 instances.", who: "nobody", instances: ["0"] }));
  assert.equal(reasonsOf(board([having(0, "1.0")], extending(), { decision }))[0].fill, "active");
  const error = { code: "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade", message: "100% of instances are ..." };
  const breach = { code: error.code, instances: ["0"], exceeded: { share_percent: 100, limit_percent: 20, of_upgraded: true } };
  const stopped = board([having(0, "1.0"), having(1, "1.0")], extending({ status: "Faulted", ended_at: AT, error, breach, batches: [aBatch(1, AT)] }), { latest_version: NEW });
  assert.match(reasonsOf(stopped)[1].text, /^The upgrade of extensions stopped in batch 1: 100/);
});

test("a stop that left instances without them needs a person, until they have them", () => {
  const upgrade = extending({ status: "Faulted", ended_at: AT, error: { code: "a", message: "b" } });
  const needs = (version) => { const one = board([having(0, version)], upgrade); return needsOf(one, summaryOf(one), Date.parse(AT)).length; };
  assert.deepEqual([needs("1.0"), needs("2.0")], [1, 0]);
});
