// The controls keep their places; whether they can be used is the server's word.

import assert from "node:assert/strict";
import { test } from "node:test";

import { CONTROLS, controlsOf, mainOf } from "../../static/js/controls.js";
import { aBoard, aDecision, anUpgrade, aReason } from "./boards.mjs";

const can = { possible: true, why: "" },
  cannot = (why) => ({ possible: false, why });
const board = (actions, changes = {}) =>
  aBoard(3, { ...changes, decision: { ...aDecision(aReason("Paused")), actions } });

test("all controls are there at every moment, each with the server's reason", () => {
  const actions = { start: can, cancel: cannot("No upgrade is running.") };
  for (const upgrade of [null, anUpgrade(), anUpgrade({ paused_by: "ada" })]) {
    const controls = controlsOf(board(actions, { upgrade }));
    assert.deepEqual(Object.keys(controls), Object.keys(CONTROLS));
    assert.equal(controls.start, "");
    assert.equal(controls.cancel, "No upgrade is running.");
  }
});

test("what the server has not said anything of cannot be used", () =>
  assert.ok(Object.values(controlsOf(aBoard(3))).every(Boolean)));

test("one stands out: what a person is waited for", () => {
  assert.equal(mainOf(controlsOf(board({ start: can, pause: can }))), "start");
  assert.equal(mainOf(controlsOf(board({ start: can, approve: can }))), "approve");
  assert.equal(mainOf(controlsOf(board({ resume: can, approve: can }))), "resume");
  assert.equal(mainOf(controlsOf(board({ pause: can, cancel: can }))), "");
});
