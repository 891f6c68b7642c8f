// Why not now: the last decision, and everything that is not moving or not well.

import assert from "node:assert/strict";
import { test } from "node:test";

import { reasonsOf, whyInstance } from "../../static/js/why.js";
import { aBoard, aMember, anInstance, anOptOut, anUpgrade, AT, NEW } from "./boards.mjs";

const codes = (board) => reasonsOf(board).map((one) => one.code);

test("a scale set at rest says so", () => {
  const [first, ...others] = reasonsOf(aBoard(2));
  assert.deepEqual([first.fill, first.text, others.length], ["done", "Nothing to do: no instance waits for a newer image.", 0]);
  assert.match(reasonsOf(aBoard(2, { automatic_upgrade: false }))[0].text, /Automatic upgrades are off/);
  assert.equal(reasonsOf(aBoard(2, { decision: {} }))[0].code, "NotLookedAt");
});

test("a decision that holds everything up asks for attention", () => {
  const [stale] = reasonsOf(aBoard(2, { decision: { code: "HealthIsStale", text: "No news.", since: AT } }));
  assert.deepEqual([stale.fill, stale.text, stale.since], ["attention", "No news.", AT]);
  const [calm] = reasonsOf(aBoard(2, { decision: { code: "PauseBetweenBatches", text: "Pausing.", since: AT } }));
  assert.equal(calm.fill, "active");
});

test("what stopped, what failed, what is ill and what is opted out, in this order", () => {
  const upgrade = anUpgrade({ status: "Faulted", ended_at: AT, error: { code: "Exceeded", message: "Too many." } });
  const list = [{ failed_version: NEW }, { health: "unhealthy" }, { health: "unknown" }, { opt_out: anOptOut() }].map((changes, id) => anInstance(id, changes));
  const board = aBoard(list, { upgrade, latest_version: NEW });
  assert.deepEqual(codes(board), ["NothingToDo", "Exceeded", "failed", "unhealthy", "unknown", "OptedOut"]);
  assert.match(reasonsOf(board)[1].text, /^The upgrade to 16\.04\.2 stopped\. Too many\./);
  assert.equal(reasonsOf(board)[2].text, "1 instance did not get well on the new image: web_0.");
});

test("why it stopped is said with its numbers, not in a sentence that is cut off before them", () => {
  const error = { code: "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade", message: "Rolling Upgrade failed. 30% of instances are ..., more than the threshold of 20%." };
  const board = aBoard(10, { latest_version: NEW, upgrade: anUpgrade({ status: "Faulted", ended_at: AT, error }) });
  assert.equal(reasonsOf(board)[1].text, `The upgrade to ${NEW} stopped before its first batch: 30\u00a0% unhealthy, limit 20\u00a0%.`);
});

test("instances that are behind, where nobody upgrades by itself", () => {
  const board = aBoard(2, { latest_version: NEW, automatic_upgrade: false });
  assert.deepEqual(codes(board), ["NothingToDo", "AutomaticOff"]);
});

test("every instance says what it waits for", () => {
  const say = (changes, set = {}, more = {}) => { const board = aBoard([anInstance(0, changes)], { latest_version: NEW, ...set }); return whyInstance({ ...board.instances[0], ...more }, board); };
  assert.equal(say({}), `Waits for an upgrade to ${NEW}.`);
  assert.equal(say({}, { upgrade: anUpgrade() }, { planned: 3 }), "Waits for batch 3.");
  assert.equal(say({ version: NEW }), "On the newest image, and healthy.");
  assert.match(say({ member: aMember(1, "queued") }, { upgrade: anUpgrade() }), /^Chosen for batch 2/);
  assert.match(say({ operation: "create", provisioning: "creating" }), /being made/);
  assert.match(say({ health: "unhealthy", health_detail: "answers 503" }), /^answers 503\. It counts/);
  assert.match(say({ failed_version: NEW }), new RegExp(`healthy on ${NEW} in time`));
  for (const changes of [{ health: "unknown" }, { opt_out: anOptOut() }, { version: NEW, health: "initializing" }]) assert.notEqual(say(changes), "");
});
