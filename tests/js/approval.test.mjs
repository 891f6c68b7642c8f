// Upgrades that wait for people's approval: what can be approved, and the words for it. Who waits, the board says.

import assert from "node:assert/strict";
import { test } from "node:test";

import { awaitedOf, isApprovedAhead, unapproved } from "../../static/js/approval.js";
import { statusOf } from "../../static/js/instruments.js";
import { needsOf } from "../../static/js/needs.js";
import { briefly } from "../../static/js/reasons.js";
import { summaryOf } from "../../static/js/summary.js";
import { whyInstance, whyNotNow } from "../../static/js/why-instance.js";
import { reasonsOf } from "../../static/js/why.js";
import { aBoard, aDecision, anUpgrade, aReason, aSentence, AT, figuresOf, NEW } from "./boards.mjs";

const waits = (...ids) =>
  aReason("WaitsForApproval", {
    act: "approve",
    instances: ids.map(String),
    each: aSentence(`Waiting for approval of the upgrade to ${NEW}.`),
    brief: aSentence(`${ids.length} waiting for approval`),
  });

/** Five instances of a deferred upgrade. */
function board(
  approval = { version: NEW, waiting: "0-4", approved: "" },
  reason = waits(0, 1, 2, 3, 4),
) {
  return aBoard(5, {
    latest_version: NEW,
    decision: aDecision(reason),
    upgrade: anUpgrade(),
    figures: figuresOf({ held: "0-4" }, { approval }),
  });
}

test("what waits for approval is what the board says", () => {
  assert.deepEqual([awaitedOf(board()), unapproved(board())], [NEW, ["0", "1", "2", "3", "4"]]);
  assert.deepEqual([awaitedOf(aBoard(1)), unapproved(aBoard(1))], ["", []]);
});

test("all that wait can be approved at once, for the version on the screen", () => {
  const [first] = reasonsOf(board({ version: NEW, waiting: "0,2-4", approved: "1" }));
  assert.deepEqual(first.acts.at(-1), {
    act: "do",
    key: "approve",
    word: "Approve 4",
    right: "steer",
    ids: "0,2,3,4",
    version: NEW,
  });
  assert.equal(reasonsOf(board(undefined, waits(3)))[0].acts.at(-1).word, "Approve");
  assert.deepEqual(
    unapproved(board({ version: NEW, waiting: "2,9", approved: "" })),
    ["2"],
    "one is gone",
  );
});

test("an approval can be taken back where the board says so", () => {
  assert.deepEqual(
    board({ version: NEW, waiting: "0,2-4", approved: "1" }).instances.map(isApprovedAhead),
    [false, true, false, false, false],
  );
});

test("an instance says of itself that it waits for approval", () => {
  const one = board();
  assert.equal(
    whyInstance(one.instances[0], one),
    `Waiting for approval of the upgrade to ${NEW}.`,
  );
  const [reason] = whyNotNow(one.instances[0], one);
  assert.deepEqual(
    [reason.text, reason.acts],
    [`Waiting for approval of the upgrade to ${NEW}.`, []],
    "the panel has a button of its own",
  );
});

test("it needs attention, and says so wherever it is told of", () => {
  const one = board();
  assert.deepEqual([statusOf(one).word, statusOf(one).fill], ["Waiting for approval", "waiting"]);
  assert.deepEqual(
    needsOf(one, summaryOf(one), Date.parse(AT)).map(({ code }) => code),
    ["WaitsForApproval"],
  );
  assert.deepEqual(
    [briefly(waits(1, 2)), briefly(waits(1))],
    ["2 waiting for approval", "1 waiting for approval"],
  );
});
