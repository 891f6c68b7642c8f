// What a viewer chose to see: filters and groups; batches done and to come as the board tells them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { batchesOf } from "../../static/js/batches.js";
import { byName } from "../../static/js/format.js";
import { rowsOf } from "../../static/js/table.js";
import { grouped, GROUPS, matches, tally } from "../../static/js/view.js";
import {
  aBatch,
  aBoard,
  anInstance,
  anOptOut,
  anUpgrade,
  aPlan,
  aRecord,
  figuresOf,
} from "./boards.mjs";

const LATER = "2018-09-25T12:05:00.000Z";

test("a filter takes states and words, in any case", () => {
  const [one] = aBoard([anInstance(7, { zone: "2", health: "unhealthy" })], {
    figures: figuresOf({ unhealthy: "7" }),
  }).instances;
  assert.ok(matches(one, {}, "state"));
  assert.ok(matches(one, { states: ["failed", "unhealthy"] }, "state"));
  assert.ok(!matches(one, { states: ["done"] }, "state"));
  assert.ok(matches(one, { states: ["unhealthy"] }, "health"));
  for (const text of ["WEB_7", " zone 2 ", "16.04.1"])
    assert.ok(matches(one, { text }, "state"), text);
  assert.ok(!matches(one, { text: "web_8" }, "state"));
  assert.ok(matches({ ...one, planned: 3 }, { text: "batch 3" }, "state"));
});

test("opted out are all that are, also those that are ill", () => {
  const list = [{ opt_out: anOptOut(), health: "unhealthy" }, { opt_out: anOptOut() }, {}].map(
    (changes, id) => anInstance(id, changes),
  );
  const { instances } = aBoard(list, {
    figures: figuresOf({ unhealthy: "0", "opted-out": "1", done: "2" }),
  });
  assert.deepEqual(
    instances.map((one) => matches(one, { states: ["opted-out"] }, "state")),
    [true, true, false],
  );
});

test("of a filter's reason only those that it holds", () => {
  const [one, other] = aBoard(2).instances;
  assert.ok(matches(one, { ids: new Set(["0"]) }, "state"));
  assert.ok(!matches(other, { ids: new Set(["0"]) }, "state"));
});

test("no upgrade, no batches", () => assert.deepEqual(batchesOf(aBoard(3)), []));

test("batches that began with their members, those to come with their moments", () => {
  const figures = figuresOf(
    { done: "0" },
    {
      batches: [aBatch(1, { succeeded: "0-2", rolled_back: "3" }, { finished_at: LATER })],
      planned: [aPlan(2, "4-5", { starts_at: LATER, waits_for_approval: true })],
    },
  );
  const [began, planned] = batchesOf(aBoard(6, { upgrade: anUpgrade(), figures }));
  assert.deepEqual(
    [began.number, began.size, began.members, began.ended - began.began],
    [1, 4, { succeeded: 3, rolled_back: 1 }, 300_000],
  );
  assert.deepEqual(
    [planned.number, planned.size, planned.planned, planned.began, planned.ended, planned.waits],
    [2, 2, true, Date.parse(LATER), null, true],
  );
});

test("what is over is told by its record, and nothing is planned behind it", () => {
  const record = aRecord([aBatch(1, { succeeded: "0-1" }, { finished_at: LATER })]);
  const figures = figuresOf(
    { pending: "0-5" },
    { batches: [aBatch(1, { failed: "3" })], planned: [aPlan(1, "0-5")] },
  );
  const batches = batchesOf(
    aBoard(6, { upgrade: anUpgrade({ ended_at: LATER, status: "Completed", record }), figures }),
  );
  assert.deepEqual(
    batches.map(({ number, members }) => [number, members]),
    [[1, { succeeded: 2 }]],
  );
});

test("groups in rising order by number, those without last", () => {
  const zones = ["10", "", "2", "2"].map((zone, id) => anInstance(id, { zone }));
  assert.deepEqual(grouped(aBoard(zones).instances, "zone"), [
    ["2", [2, 3]],
    ["10", [0]],
    [0, [1]],
  ]);
  const figures = figuresOf(
    { done: "0", upgrading: "1" },
    { batches: [aBatch(1, { upgrading: "1" })] },
  );
  assert.deepEqual(grouped(aBoard(2, { upgrade: anUpgrade(), figures }).instances, "batch"), [
    [1, [1]],
    [0, [0]],
  ]);
  const versions = ["16.04.10", "16.04.9"].map((version, id) => anInstance(id, { version }));
  assert.deepEqual(
    grouped(aBoard(versions).instances, "version").map(([key]) => key),
    ["16.04.9", "16.04.10"],
  );
  assert.equal(GROUPS.batch.label(0), "Not in a batch");
});

test("a group says how many of those that count are done: who is opted out is in no denominator", () => {
  const { instances } = aBoard(4, {
    figures: figuresOf({ done: "0-1", pending: "2", "opted-out": "3" }),
  });
  assert.equal(tally(instances), "2 / 3");
  assert.equal(tally(instances, { ...aBatch(1), size: 2, members: { succeeded: 1 } }), "1 / 2");
  assert.equal(tally(instances.slice(3)), "");
});

test("2 before 10", () => {
  assert.deepEqual(["web-10", "web-2"].sort(byName), ["web-2", "web-10"]);
  const list = [10, 2].map((id) => anInstance(id, { name: `web-${id}` }));
  const sort = { column: "name", falling: false };
  assert.deepEqual(
    rowsOf(aBoard(list).instances, { sort, filter: {}, by: "state" }).map((one) => one.name),
    ["web-2", "web-10"],
  );
});

test("batch 1 is not batch 12", () => {
  const [one] = aBoard([anInstance(0, { zone: "1" })]).instances;
  assert.ok(matches({ ...one, planned: 1 }, { text: "batch 1" }, "state"));
  assert.ok(!matches({ ...one, planned: 12 }, { text: "batch 1" }, "state"));
  assert.ok(matches({ ...one, planned: 12 }, { text: "batch" }, "state"));
});
