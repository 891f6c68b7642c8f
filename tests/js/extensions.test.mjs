// Upgrades of the extensions: the words for them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { needsOf } from "../../static/js/needs.js";
import { summaryOf } from "../../static/js/summary.js";
import { whyInstance } from "../../static/js/why-instance.js";
import { reasonsOf } from "../../static/js/why.js";
import {
  aBoard,
  aBreach,
  aDecision,
  aMember,
  anInstance,
  anUpgrade,
  aReason,
  aRecord,
  aSaying,
  AT,
  figuresOf,
  NEW,
} from "./boards.mjs";

const extending = (changes = {}) =>
  anUpgrade({
    kind: "extensions",
    extensions: ["agent 2.0"],
    target: { version: "" },
    started_by: "User",
    ...changes,
  });
const member = (state, changes = {}) => aMember(1, state, { kind: "extensions", ...changes });

test("each instance says what is done to it", () => {
  const say = (state, changes = {}, key = state) => {
    const board = aBoard([anInstance(0, changes)], {
      upgrade: extending(),
      figures: figuresOf(
        { [state]: "0" },
        {
          says: [aSaying(key, "0")],
          batches: [
            {
              number: 1,
              instances: "0",
              size: 1,
              members: {},
              started_at: AT,
              finished_at: null,
              why: "",
            },
          ],
        },
      ),
    });
    return whyInstance(board.instances[0], board);
  };
  assert.equal(
    say("done", {}, "done.extensions"),
    "It has the model's extensions, and is healthy.",
  );
  assert.equal(
    say("pending", {}, "pending.extensions"),
    "Waiting for the next upgrade of extensions.",
  );
  assert.equal(
    say("queued", { member: member("queued") }, "queued.extensions"),
    "Chosen for batch 1; its extensions are run in a moment.",
  );
  assert.equal(
    say("upgrading", { operation: "extensions" }),
    "Its extensions are being run; its disks stay as they are.",
  );
  assert.match(
    say("verifying", { member: member("verifying", { swapped_at: AT }) }),
    /^Its extensions were run; waiting for it to become healthy/,
  );
});

test("running extensions is calm, a stop is told as what it was", () => {
  const decision = aDecision(
    aReason("RunningExtensions", {
      text: "Running extensions on 2 instances.",
      who: "nobody",
      instances: ["0"],
    }),
  );
  assert.equal(reasonsOf(aBoard(1, { upgrade: extending(), decision }))[0].fill, "active");
  const error = {
    code: "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade",
    message: "100% of instances are ...",
  };
  const breach = aBreach("100 % of the upgraded unhealthy, limit 20 %");
  const batches = [{ number: 1, started_at: AT, finished_at: AT, why: "" }];
  const stopped = aBoard(2, {
    upgrade: extending({ status: "Faulted", ended_at: AT, error, breach, batches }),
    latest_version: NEW,
  });
  assert.match(reasonsOf(stopped)[1].text, /^The upgrade of extensions stopped in batch 1: 100/);
});

test("a stop that left instances without them needs attention", () => {
  const upgrade = extending({
    status: "Faulted",
    ended_at: AT,
    error: { code: "a", message: "b" },
  });
  const needs = (counts) => {
    const one = aBoard(1, { upgrade: { ...upgrade, record: aRecord([], { counts }) } });
    return needsOf(one, summaryOf(one), Date.parse(AT)).length;
  };
  assert.deepEqual(
    [needs({ succeeded: 1, failed: 1, left: 0 }), needs({ succeeded: 2, failed: 0, left: 0 })],
    [1, 0],
  );
});
