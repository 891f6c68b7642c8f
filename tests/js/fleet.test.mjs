// The fleet page's figures, what needs a person, and how small a cell is.

import assert from "node:assert/strict";
import { test } from "node:test";

import { pitchFor } from "../../static/js/mini.js";
import { needsOf } from "../../static/js/needs.js";
import { behind, classOf, inWords, PICKS, summaryOf, totalsOf } from "../../static/js/summary.js";
import { aBatch, aBoard, aDecision, aMember, anInstance, anOptOut, anUpgrade, aReason, AT, NEW, OLD } from "./boards.mjs";

const NOW = Date.parse(AT) + 60_000;
const needs = (board, since = null) => needsOf(board, summaryOf(board), NOW, since);
const some = (n, of, changes) => Array.from({ length: of }, (_, id) => anInstance(id, id < n ? changes : {}));

test("one scale set in figures", () => {
  const list = [{ version: NEW }, { version: NEW, health: "unhealthy" }, { opt_out: anOptOut() }, {}, { member: aMember(1, "verifying"), version: NEW }];
  const sum = summaryOf(aBoard(list.map((changes, id) => anInstance(id, changes)), { latest_version: NEW, upgrade: anUpgrade({ batches: [aBatch(1)] }) }));
  assert.deepEqual([sum.size, sum.eligible, sum.done, sum.current, sum.moving, sum.sick, sum.out], [5, 4, 1, 3, 1, 1, 1]);
  assert.deepEqual(behind(sum), [OLD]);
  assert.equal(inWords(sum), "5 instances: 1 unhealthy, 1 verifying, 1 pending, 1 up to date, 1 opted out");
  assert.deepEqual(Object.keys(PICKS).filter((name) => PICKS[name](sum, [])), ["latest", "moving", "bad", "out"]);
});

test("the fleet is the sum of its scale sets", () => {
  const total = totalsOf([summaryOf(aBoard(10)), summaryOf(aBoard(some(2, 5, { health: "unknown" })))]);
  assert.deepEqual([total.size, total.current, total.sick], [15, 15, 2]);
  assert.equal(Object.values(total.fills).reduce((sum, n) => sum + n), 15);
});

test("those that need a person first, then those that move", () => {
  const calm = summaryOf(aBoard(3)), runs = summaryOf(aBoard(3, { upgrade: anUpgrade() }));
  assert.deepEqual([classOf(calm, [{}]), classOf(runs, []), classOf(calm, [])], [0, 1, 2]);
});

test("planned waits, opt-outs, few unhealthy ones and what was switched off are quiet", () => {
  assert.deepEqual(needs(aBoard(some(2, 10, { health: "unhealthy" }))), []);
  assert.deepEqual(needs(aBoard(some(9, 10, { opt_out: anOptOut() }), { latest_version: NEW })), []);
  assert.deepEqual(needs(aBoard(10, { latest_version: NEW, automatic_upgrade: false })), []);
  assert.deepEqual(needs(aBoard(10, { decision: { code: "PauseBetweenBatches", text: "Pausing.", since: AT } })), []);
  assert.deepEqual(needs(aBoard(some(9, 10, { health: "unhealthy" }), { deleting: true })), []);
});

test("more unhealthy ones than the limit allows", () => {
  const [need] = needs(aBoard(some(7, 30, { health: "unhealthy" })), 1234);
  assert.equal(need.text, "23.3\u00a0% unhealthy (7 of 30), limit 20\u00a0%: no upgrade starts until 1 more recovers.");
  assert.deepEqual([need.since, need.acts[0].word, need.acts[0].states[0]], [1234, "See the 7", "unhealthy"]);
});

test("those that did not get well on the new image", () => {
  const list = some(1, 10, { failed_version: NEW, member: aMember(1, "failed", { ended_at: AT }) });
  const [need] = needs(aBoard(list, { latest_version: NEW, upgrade: anUpgrade({ batches: [aBatch(1)] }) }));
  assert.deepEqual([need.text, need.since], [`1 instance did not get well on ${NEW}: web_0.`, AT]);
});

test("those that run on their old disk again need a person as those that failed", () => {
  const list = some(2, 10, { failed_version: NEW, member: aMember(1, "rolled_back", { ended_at: AT }) });
  const [need] = needs(aBoard(list, { latest_version: NEW }));
  assert.deepEqual([need.code, need.acts[0]], ["Failed", { word: "See the 2", states: ["rolled-back"] }]);
});

test("what is switched off is in no count of the unhealthy", () => {
  const sum = summaryOf(aBoard(some(1, 3, { power: "stopped", health: "unknown" })));
  assert.deepEqual([sum.sick, sum.counts["switched-off"]], [0, 1]);
});

test("an upgrade that stopped tells its story once, with the numbers", () => {
  const error = { code: "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade", message: "Rolling Upgrade failed. 50% of instances are ... threshold of 20%." };
  const breach = { code: error.code, instances: ["0"], exceeded: { share_percent: 50, limit_percent: 20, of_upgraded: true } };
  const upgrade = anUpgrade({ status: "Faulted", ended_at: AT, error, breach, batches: [aBatch(1, AT)], progress: { successful: 1, failed: 1, in_progress: 0, pending: 8 } });
  const list = some(3, 10, { health: "unhealthy", failed_version: NEW });
  const found = needs(aBoard(list, { latest_version: NEW, upgrade }));
  assert.equal(found.length, 1);
  assert.equal(found[0].text, `The upgrade to ${NEW} stopped in batch 1: 50\u00a0% of the upgraded unhealthy, limit 20\u00a0%; 8 not tried. Now 30\u00a0% are unhealthy (3 of 10).`);
  assert.deepEqual([found[0].since, found[0].fill], [AT, "failure"]);
  const wait = aReason("WaitingToTryAgain", { until: AT, act: "retry_now" });
  assert.match(needs(aBoard(list, { latest_version: NEW, upgrade, decision: aDecision(wait) }))[0].text, /8 not tried\. It is tried again at .*\d\d:\d\d\. Now 30/);
});

test("what it left behind was mended: no need any more", () => {
  const upgrade = anUpgrade({ status: "Faulted", ended_at: AT, error: { code: "x", message: "50% bad" } });
  assert.deepEqual(needs(aBoard(some(10, 10, { version: NEW }), { latest_version: NEW, upgrade })), []);
});

test("stale health is news only when it stays so", () => {
  const stale = (seconds) => needs(aBoard(3, { decision: aDecision(aReason("HealthIsStale", { since: new Date(NOW - 1000 * seconds).toISOString() })) }));
  assert.deepEqual([stale(5).length, stale(20)[0]?.text], [0, "HealthIsStale."]);
});

test("what nothing but a person ends is asked for, and leads to those that it holds", () => {
  const quarantined = aReason("Quarantined", { instances: ["1", "2"], act: "release" });
  const [image, ill] = needs(aBoard(3, { decision: aDecision(aReason("NoImagePublished"), quarantined) })).sort((a, b) => (a.code < b.code ? -1 : 1));
  assert.deepEqual([image.code, ill.code, ill.acts], ["NoImagePublished", "Quarantined", [{ word: "See the 2", states: [], reason: "Quarantined" }]]);
});

test("pauses, a stop of the fleet and what was cancelled are quiet", () => {
  for (const code of ["Paused", "PauseBetweenBatches", "FleetStopped", "LastAttemptStopped", "AutomaticUpgradesOff", "OptedOut", "OptOutsLeaveNothing", "SwitchedOff", "WaitsForItsTurn"]) assert.deepEqual(needs(aBoard(3, { decision: aDecision(aReason(code)) })), [], code);
});

test("the gate says in the engine's own words how many must recover", () => {
  const gate = aReason("TooManyUnhealthy", { text: "Held by the health gate." });
  assert.equal(needs(aBoard(some(7, 30, { health: "unhealthy" }), { decision: aDecision(gate) }))[0].text, "Held by the health gate.");
});

test("each picture holds all of its scale set, as large as that goes, whatever else is in the fleet", () => {
  for (const largest of [1, 10, 60, 400, 1000]) {
    const box = { width: 290, height: 36 }, pitch = pitchFor(box, largest);
    assert.ok(Math.floor(box.height / pitch) * Math.floor(box.width / pitch) >= largest, `${largest} at ${pitch}`);
    assert.ok(pitch >= 3, `${largest} at ${pitch}: too small to be read`);
  }
  assert.deepEqual([10, 400, 1000].map((n) => pitchFor({ width: 290, height: 36 }, n)), [12, 5, 3]);
});
