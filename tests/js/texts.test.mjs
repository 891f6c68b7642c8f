// The instruments: they say what the board says, and what is over as its record has it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { batchesOf } from "../../static/js/batches.js";
import { momentAt } from "../../static/js/format.js";
import { gauges, rail, statusOf, steps } from "../../static/js/instruments.js";
import { whyInstance } from "../../static/js/why-instance.js";
import {
  aBatch,
  aBoard,
  aCurrent,
  after,
  aGauge,
  anInstance,
  anUpgrade,
  aPlan,
  aRecord,
  AT,
  figuresOf,
  NEW,
} from "./boards.mjs";

const NOW = Date.parse(AT) + 60_000;
const plain = (markup) =>
  String(markup)
    .replace(/<[^>]*>/g, " ")
    .replace(/[ \n]+/g, " ");
const all = (board) =>
  plain(gauges(board)) +
  plain(steps(board, batchesOf(board), NOW)) +
  plain(rail(board, batchesOf(board)));

test("nothing is counted where there is nothing", () => {
  const none = aBoard(0, {
    upgrade: anUpgrade(),
    figures: figuresOf({}, { batches: [aBatch(1)], batch: aCurrent({ size: 0, replaced: 0 }) }),
  });
  for (const board of [
    none,
    aBoard(2, { figures: null }),
    aBoard(2, { figures: null, upgrade: anUpgrade() }),
  ]) {
    assert.doesNotMatch(all(board), /0 of 0,|NaN|undefined|Invalid|null/);
  }
  assert.match(all(none), /no instances.*Up to date – /, "an empty set is not 0 % up to date");
});

test("the heading, the steps and the end are those of the board", () => {
  const ends = {
    earliest: "2018-09-25T13:00:00.000Z",
    latest: "2018-09-25T13:10:00.000Z",
    late: false,
  };
  const figures = figuresOf(
    { done: "0-9" },
    {
      batch: aCurrent({ current: 2, of: 17, step: "wait", size: 4, replaced: 4, healthy: 1 }),
      ends,
      batches: [aBatch(1), aBatch(2, { verifying: "0-3" })],
    },
  );
  const said = plain(
    steps(
      aBoard(10, { upgrade: anUpgrade(), figures }),
      batchesOf(aBoard(10, { upgrade: anUpgrade(), figures })),
      NOW,
    ),
  );
  assert.match(
    said,
    /Batch 2 of 17 .*Gate open Choose 4 chosen Replace 4 of 4 Wait for health 1 of 4/,
  );
  assert.match(said, /Expected end, \S+ [-\d]+ \d\d:\d\d–\d\d:\d\d/);
  const late = { ...figures, ends: { ...ends, late: true } };
  assert.match(
    plain(steps(aBoard(10, { upgrade: anUpgrade(), figures: late }), [], NOW)),
    /Expected end, \S+ after [-\d]+ \d\d:\d\d/,
  );
});

test("at the gate it says how the next batch is to be chosen, not how the last one was", () => {
  const figures = figuresOf(
    { done: "0-9" },
    {
      batch: aCurrent({
        current: 2,
        step: "gate",
        held: true,
        size: null,
        replaced: null,
        healthy: null,
      }),
      batches: [aBatch(1, {}, { why: "of the first" })],
      planned: [aPlan(2, "4", { why: "of the second" })],
    },
  );
  const board = aBoard(10, { upgrade: anUpgrade(), figures }),
    said = plain(steps(board, batchesOf(board), NOW));
  assert.match(said, /Batch 2 of 5.*Gate held.*Next batch: of the second/);
  assert.doesNotMatch(said, /of the first/);
});

test("before the first upgrade it says what starts it", () => {
  const said = (automatic_upgrade) => plain(steps(aBoard(2, { automatic_upgrade }), [], NOW));
  assert.match(
    said(true),
    /No upgrade yet.*starts automatically, as soon as there is a newer version/,
  );
  assert.match(said(false), /Automatic upgrades are off: start the first upgrade manually/);
  assert.match(plain(gauges(aBoard(2))), /Failed after upgrade\s*–\s*none upgraded yet/);
});

test("each limit stands with its own figure", () => {
  const figures = figuresOf(
    { done: "0" },
    { unhealthy: aGauge("", 1, 30), failed: aGauge("", 1, 7.5) },
  );
  const said = plain(gauges(aBoard(1, { upgrade: anUpgrade(), figures })));
  assert.match(
    said,
    /Unhealthy .*0 of 1, limit 30\u00a0%.*Failed after upgrade .*0 of 1, limit 7\.5\u00a0%/,
  );
});

test("a gauge says how far it is from its limit", () => {
  const says = (gauge) =>
    plain(gauges(aBoard(1, { figures: figuresOf({}, { unhealthy: gauge }) })));
  assert.match(says(aGauge("0", 10)), /1 below the limit/);
  assert.match(says(aGauge("0-1", 10)), /at the limit/);
  assert.match(says(aGauge("0-2", 10)), /30\u00a0% .*3 of 10, limit 20\u00a0% 1 over the limit/);
});

test("the rail tells each batch that began by its members", () => {
  const figures = figuresOf(
    { done: "0", upgrading: "1" },
    { batches: [aBatch(1, { succeeded: "0", upgrading: "1" })] },
  );
  const board = aBoard(2, { upgrade: anUpgrade(), figures });
  assert.match(
    plain(rail(board, batchesOf(board))),
    /Batch 1, 2 instances, running, 1 of 2 up to date/,
  );
  const one = aBoard(1, {
    upgrade: anUpgrade(),
    figures: figuresOf({}, { planned: [aPlan(1, "0")], planned_more: 7 }),
  });
  assert.match(plain(rail(one, batchesOf(one))), /Batch 1, 1 instance, planned;.*7 more batches/);
});

test("who failed stands apart from who is ill, put back or not", () => {
  const figures = figuresOf(
    { unhealthy: "2", "rolled-back": "3" },
    { batches: [aBatch(1, { succeeded: "0-2", rolled_back: "3" })] },
  );
  const board = aBoard(4, { upgrade: anUpgrade(), figures });
  assert.match(
    String(rail(board, batchesOf(board))),
    /data-fill="attention" data-vars="share:50%".*data-fill="failure" data-vars="share:25%"/,
  );
});

test("what is over stays as it was: a newer version, an opt-out or an illness afterwards changes nothing in it", () => {
  const record = aRecord([aBatch(1, { succeeded: "0-3", failed: "4" }, { finished_at: AT })], {
    failed: aGauge("4", 5),
    left: 5,
    counts: { succeeded: 4, failed: 1, left: 5 },
  });
  const upgrade = anUpgrade({ status: "Faulted", ended_at: AT, record });
  const then = aBoard(10, {
    upgrade,
    figures: figuresOf({ done: "0-3", failed: "4", pending: "5-9" }),
  });
  const later = after(then, {
    board: figuresOf({ pending: "4-9", unhealthy: "0-2", "opted-out": "3" }, { target: "17" }),
    scale_set: { ...then.scale_set, wanted_version: "17" },
  });
  const drawn = (board) => String(rail(board, batchesOf(board)));
  const failed = (board) => plain(gauges(board)).match(/Failed after upgrade.*/)[0];
  const result = (board) =>
    plain(steps(board, batchesOf(board), NOW)).match(/Upgrade to.*tried\./)[0];
  for (const says of [drawn, failed, result]) assert.equal(says(later), says(then));
  assert.match(drawn(then), /share:80%.*class="rest" data-vars="size:5".*5 not tried/s);
  assert.equal(
    result(then),
    `Upgrade to ${NEW}, started automatically. 4 succeeded, 1 failed, 5 not tried.`,
  );
  assert.deepEqual(
    later.instances.map((one) => one.batch),
    then.instances.map((one) => one.batch),
  );
});

test("a running upgrade that is held says how in one word, and looks as if it waited", () => {
  const said = (code, upgrade = {}) =>
    statusOf(aBoard(1, { decision: { code }, upgrade: anUpgrade(upgrade) }));
  assert.deepEqual(
    [
      said("WaitingForHealth").word,
      said("Paused").word,
      said("FleetStopped").word,
      said("RollingBack", { status: "RollingBack" }).word,
    ],
    ["Rolling forward", "Paused", "Held", "Rolling back"],
  );
  assert.deepEqual([said("Paused").fill, said("Paused").glyph], ["waiting", "held"]);
  assert.equal(
    said("WaitingForHealth", { paused_by: "ada" }).word,
    "Rolling forward",
    "no word is older or newer than the decision",
  );
});

test("a stop is said in Azure's words beside the upgrade, and in ours among the reasons", () => {
  const error = {
    code: "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade",
    message: "Rolling Upgrade failed. 50% of instances are ... threshold of 20%.",
  };
  const board = aBoard(10, {
    upgrade: anUpgrade({ status: "Faulted", ended_at: AT, error, record: aRecord([]) }),
  });
  assert.match(plain(steps(board, batchesOf(board), NOW)), /50% of instances are/);
});

test("a stop that waits for a person is not said to go on by itself", () => {
  const board = aBoard([anInstance(0)], {
    figures: figuresOf({ held: "0" }),
    decision: { code: "LastAttemptStopped", text: "It starts again by hand.", since: AT },
  });
  assert.equal(whyInstance(board.instances[0], board), "It starts again by hand.");
});

test("a moment to the second has its day unless that is today", () => {
  const at = new Date(2018, 8, 25, 12, 4, 5).getTime();
  assert.deepEqual(
    [momentAt(at, at), momentAt(at, at + 2 * 864e5)],
    ["12:04:05", "2018-09-25 12:04:05"],
  );
});
