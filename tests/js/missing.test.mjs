// Machines that are not there are said.

import assert from "node:assert/strict";
import { test } from "node:test";

import { needsOf } from "../../static/js/needs.js";
import { briefly } from "../../static/js/reasons.js";
import { inWords, summaryOf } from "../../static/js/summary.js";
import { whyInstance } from "../../static/js/why-instance.js";
import { reasonsOf } from "../../static/js/why.js";
import { aBoard, aReason, anInstance, aSentence, AT, figuresOf } from "./boards.mjs";

const none = {
  missing_since: AT,
  version: "",
  os_disk: "",
  provisioning: "failed",
  power: "unknown",
  health: "unknown",
  health_detail: "it could not be created: no quota",
};
const reason = aReason("MachinesNotMade", {
  text: "1 machine could not be made: no quota; tried again at 12:00:15 UTC.",
  gate: "capacity",
  who: "operator",
  act: "retry_now",
  numbers: { instances: 1, capacity: 3, tries: 1 },
  brief: aSentence("1 of 3 could not be created"),
  instances: ["2"],
});
const board = (state = "missing") =>
  aBoard(
    [{}, {}, none].map((changes, id) => anInstance(id, changes)),
    {
      decision: {
        code: "MachinesNotMade",
        text: "1 of 3 machines is not there.",
        since: AT,
        reasons: [reason],
      },
      figures: figuresOf({ done: "0-1", [state]: "2" }),
    },
  );

test("it is counted apart", () =>
  assert.equal(inWords(summaryOf(board())), "3 instances: 1 no machine, 2 up to date"));

test("it needs attention, and can be tried at once", () => {
  const one = board(),
    [need, ...others] = needsOf(one, summaryOf(one), Date.parse(AT));
  assert.deepEqual([need.code, others.length], ["MachinesNotMade", 0]);
  const [first, ...more] = reasonsOf(one);
  assert.deepEqual([first.code, more.length], ["MachinesNotMade", 0]);
  assert.ok(first.acts.some(({ key, word }) => key === "retry_now" && word === "Retry now"));
  assert.equal(briefly(reason), "1 of 3 could not be created");
});

test("the instance itself says why", () => {
  const says = (one) => whyInstance(one.instances[2], one);
  assert.deepEqual(
    [says(board()), says(board("creating"))],
    [
      "There is no machine: it could not be created: no quota.",
      "The machine is being created again.",
    ],
  );
});
