// Upgrades that wait for people's approval: who is held, what can be approved, what is planned behind it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { awaitedOf, isApprovedAhead, unapproved } from "../../static/js/approval.js";
import { statusOf } from "../../static/js/instruments.js";
import { needsOf } from "../../static/js/needs.js";
import { briefly } from "../../static/js/reasons.js";
import { summaryOf } from "../../static/js/summary.js";
import { batchesOf, endOf } from "../../static/js/view.js";
import { reasonsOf, whyInstance, whyNotNow } from "../../static/js/why.js";
import { aBatch, aBoard, aDecision, aMember, anInstance, anUpgrade, aReason, AT, NEW, OLD, POLICY, statesOf } from "./boards.mjs";

const LATER = "2018-09-25T12:05:00.000Z";
const DEFERRED = { ...POLICY, deferral: true };
const waits = (...ids) => aReason("WaitsForApproval", { act: "approve", instances: ids.map(String) });

/** Five instances of a deferred upgrade; these are approved for these versions. */
function board(approved = {}, { reason = waits(0, 1, 2, 3, 4), upgrade = {}, ...set } = {}) {
  const list = [0, 1, 2, 3, 4].map((id) => anInstance(id, { approved_version: approved[id] ?? "" }));
  return aBoard(list, { latest_version: NEW, decision: aDecision(reason), upgrade: upgrade && anUpgrade({ policy: DEFERRED, ...upgrade }), ...set });
}

test("what waits for approval is that of the running upgrade, or what would begin by itself", () => {
  assert.equal(awaitedOf(board({}, { latest_version: "16.04.3" })), NEW);
  assert.equal(awaitedOf(board({}, { upgrade: null, policy: DEFERRED, latest_version: "16.04.3" })), "16.04.3");
  assert.equal(awaitedOf(board({}, { upgrade: null, policy: DEFERRED, automatic_upgrade: false })), "");
  assert.equal(awaitedOf(board({}, { upgrade: { policy: POLICY }, policy: DEFERRED })), "", "a person started it");
  assert.equal(awaitedOf(aBoard(1)), "");
});

test("who is not approved for this very version is held", () => {
  assert.deepEqual(statesOf(board({ 1: NEW, 2: OLD })), ["held", "pending", "held", "held", "held"]);
  assert.deepEqual(statesOf(aBoard(1, { latest_version: NEW })), ["pending"]);
});

test("all that wait can be approved at once, for the version on the screen", () => {
  const [first] = reasonsOf(board({ 1: NEW }));
  assert.deepEqual(first.acts.at(-1), { act: "do", key: "approve", word: "Approve 4", right: "steer", ids: "0,2,3,4", version: NEW });
  assert.equal(reasonsOf(board({}, { reason: waits(3) }))[0].acts.at(-1).word, "Approve");
  assert.deepEqual(unapproved(board({ 1: NEW }, { reason: waits(1, 2, 9) })), ["2"], "one is approved by now, one is gone");
});

test("an approval can be taken back while no batch has the instance in hand", () => {
  const one = board({ 1: NEW, 2: OLD });
  assert.deepEqual(one.instances.map((each) => isApprovedAhead(each, one)), [false, true, false, false, false]);
  const canBe = (state, more = {}) => {
    const taken = aBoard([anInstance(0, { approved_version: NEW, member: aMember(1, state), ...more })], { upgrade: anUpgrade({ policy: DEFERRED, batches: [aBatch(1)] }) });
    return isApprovedAhead(taken.instances[0], taken);
  };
  for (const state of ["queued", "upgrading", "verifying", "rolling_back"]) assert.ok(!canBe(state), state);
  for (const state of ["failed", "rolled_back", "skipped"]) assert.ok(canBe(state), state);
  assert.ok(!canBe("succeeded", { version: NEW }));
});

test("an instance says of itself that it waits for approval", () => {
  const one = board();
  assert.equal(whyInstance(one.instances[0], one), `It waits for somebody to approve the upgrade to ${NEW}.`);
  const [reason] = whyNotNow(one.instances[0], one);
  assert.deepEqual([reason.text, reason.acts], [`It waits for somebody to approve the upgrade to ${NEW}.`, []], "the panel has a button of its own");
});

test("the approved are planned first, the others behind them without a time", () => {
  const one = board({ 3: NEW, 4: NEW }, { upgrade: { policy: { ...DEFERRED, max_batch_percent: 40 }, batches: [aBatch(1, LATER)] } });
  const batches = batchesOf(one, Date.parse(LATER)).slice(1);
  assert.deepEqual(batches.map(({ ids, began }) => [ids, began]), [[[3, 4], Date.parse(LATER)], [[0, 1], null], [[2], null]]);
  assert.equal(endOf(one, [...batchesOf(one, Date.parse(LATER))], Date.parse(LATER)), null);
});

test("it needs a person, and says so wherever it is told of", () => {
  const one = board();
  assert.equal(statusOf(one).word, "Waits for approval");
  assert.deepEqual(needsOf(one, summaryOf(one), Date.parse(AT)).map(({ code }) => code), ["WaitsForApproval"]);
  assert.deepEqual([briefly(waits(1, 2)), briefly(waits(1))], ["2 wait for approval", "1 waits for approval"]);
});
