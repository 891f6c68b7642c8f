// The fleet page's figures, what needs attention, and how small a cell is.

import assert from "node:assert/strict";
import { test } from "node:test";

import { pitchFor } from "../../static/js/mini.js";
import { needsOf } from "../../static/js/needs.js";
import { classOf, inWords, PICKS, summaryOf, totalsOf } from "../../static/js/summary.js";
import { versionsIn } from "../../static/js/versions.js";
import {
  aBoard,
  aBreach,
  aDecision,
  aGauge,
  aMember,
  anInstance,
  anUpgrade,
  aReason,
  aRecord,
  aSentence,
  AT,
  figuresOf,
  NEW,
  OLD,
} from "./boards.mjs";

const NOW = Date.parse(AT) + 60_000;
const needs = (board) => needsOf(board, summaryOf(board), NOW);
const some = (n, of, changes) =>
  Array.from({ length: of }, (_, id) => anInstance(id, id < n ? changes : {}));
const STATES = { done: "0", unhealthy: "1", "opted-out": "2", pending: "3", verifying: "4" };

test("one scale set in figures: those of its board", () => {
  const figures = figuresOf(STATES, {
    unhealthy: aGauge("1", 5),
    target: NEW,
    behind: [
      [OLD, 2],
      ["16.04.0", 1],
    ],
  });
  const sum = summaryOf(aBoard(5, { upgrade: anUpgrade(), figures }));
  assert.deepEqual(
    [sum.size, sum.eligible, sum.done, sum.moving, sum.sick, sum.out],
    [5, 4, 1, 1, 1, 1],
  );
  assert.equal(versionsIn(sum), `${OLD} and 1 more → ${NEW}`);
  assert.equal(
    inWords(sum),
    "5 instances: 1 unhealthy, 1 verifying, 1 pending, 1 up to date, 1 opted out",
  );
  assert.deepEqual(
    Object.keys(PICKS).filter((name) => PICKS[name](sum, [])),
    ["latest", "moving", "bad", "out"],
  );
});

test("the versions: what those behind run, and what is wanted", () => {
  assert.deepEqual(
    [
      { behind: [], target: NEW },
      { behind: [], target: "" },
      { behind: [[OLD, 1]], target: NEW },
    ].map((one) => versionsIn(one, null)),
    [NEW, "none published", `${OLD} → ${NEW}`],
  );
});

test("the fleet is the sum of its scale sets", () => {
  const total = totalsOf([
    summaryOf(aBoard(10)),
    summaryOf(aBoard(5, { figures: figuresOf(STATES, { unhealthy: aGauge("1", 5) }) })),
  ]);
  assert.deepEqual([total.size, total.current, total.sick], [15, 11, 1]);
  assert.equal(
    Object.values(total.fills).reduce((sum, n) => sum + n),
    15,
  );
});

test("many are written with the same space everywhere", () => {
  assert.equal(
    inWords(summaryOf(aBoard(0, { figures: figuresOf({ done: "0-1199" }) }))),
    "1200 instances: 1200 up to date",
  );
});

test("those that need attention first, then those that move", () => {
  const calm = summaryOf(aBoard(3)),
    runs = summaryOf(aBoard(3, { upgrade: anUpgrade() }));
  assert.deepEqual([classOf(calm, [{}]), classOf(runs, []), classOf(calm, [])], [0, 1, 2]);
});

test("planned waits, opt-outs, few unhealthy ones and what was switched off are quiet", () => {
  assert.deepEqual(
    needs(
      aBoard(10, {
        figures: figuresOf({ unhealthy: "0-1", done: "2-9" }, { unhealthy: aGauge("0-1") }),
      }),
    ),
    [],
  );
  assert.deepEqual(
    needs(aBoard(10, { figures: figuresOf({ "opted-out": "0-8", pending: "9" }) })),
    [],
  );
  assert.deepEqual(needs(aBoard(10, { latest_version: NEW, automatic_upgrade: false })), []);
  assert.deepEqual(
    needs(aBoard(10, { decision: { code: "PauseBetweenBatches", text: "Pausing.", since: AT } })),
    [],
  );
  assert.deepEqual(
    needs(
      aBoard(10, {
        figures: figuresOf({ unhealthy: "0-8" }, { unhealthy: aGauge("0-8") }),
        deleting: true,
      }),
    ),
    [],
  );
});

test("more unhealthy ones than the limit allows, since the first of them fell ill", () => {
  const text = "23.3 % unhealthy (7 of 30), limit 20 %: no upgrade starts until 1 more recovers.";
  const figures = figuresOf(
    { unhealthy: "0-6", done: "7-29" },
    { unhealthy: aGauge("0-6", 30), over_limit: aSentence(text) },
  );
  const [need] = needs(
    aBoard(some(7, 30, { health: "unhealthy", health_began_at: "2018-09-25T12:00:30.000Z" }), {
      figures,
    }),
  );
  assert.equal(need.text, text);
  assert.deepEqual(
    [need.since, need.acts[0].word, need.acts[0].states[0]],
    ["2018-09-25T12:00:30.000Z", "See the 7", "unhealthy"],
  );
});

test("those that did not become healthy on the new image", () => {
  const list = some(1, 10, { failed_version: NEW, member: aMember(1, "failed", { ended_at: AT }) });
  const [need] = needs(
    aBoard(list, { upgrade: anUpgrade(), figures: figuresOf({ failed: "0", done: "1-9" }) }),
  );
  assert.deepEqual(
    [need.text, need.since],
    [`1 instance did not become healthy on ${NEW}: web_0.`, AT],
  );
});

test("those that run on their old disk again need attention as those that failed", () => {
  const list = some(2, 10, {
    failed_version: NEW,
    member: aMember(1, "rolled_back", { ended_at: AT }),
  });
  const [need] = needs(
    aBoard(list, { figures: figuresOf({ "rolled-back": "0-1", pending: "2-9" }) }),
  );
  assert.deepEqual(
    [need.code, need.acts[0]],
    ["Failed", { word: "See the 2", states: ["rolled-back"] }],
  );
});

test("an upgrade that stopped tells its story once, with the numbers", () => {
  const error = {
    code: "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade",
    message: "Rolling Upgrade failed. 50% of instances are ... threshold of 20%.",
  };
  const breach = aBreach("50 % of the upgraded unhealthy, limit 20 %");
  const upgrade = anUpgrade({
    status: "Faulted",
    ended_at: AT,
    error,
    breach,
    batches: [{ number: 1, started_at: AT, finished_at: AT, why: "" }],
    record: aRecord([], { left: 8 }),
  });
  const figures = figuresOf(
    { unhealthy: "0-2", pending: "3-9" },
    { unhealthy: aGauge("0-2"), left_behind: "3-9" },
  );
  const found = needs(aBoard(10, { upgrade, figures }));
  assert.equal(found.length, 1);
  assert.equal(
    found[0].text,
    `The upgrade to ${NEW} stopped in batch 1: 50 % of the upgraded unhealthy, limit 20 %; 8 not tried. Now 30\u00a0% are unhealthy (3 of 10).`,
  );
  assert.deepEqual([found[0].since, found[0].fill], [AT, "failure"]);
  const wait = aReason("WaitingToTryAgain", {
    until: AT,
    act: "retry_now",
    brief: aSentence("Retries at 12:00"),
  });
  assert.match(
    needs(aBoard(10, { upgrade, figures, decision: aDecision(wait) }))[0].text,
    /8 not tried\. Retries at .*\d\d:\d\d\. Now 30/,
  );
  assert.deepEqual(needs(aBoard(10, { upgrade })), [], "what it left behind was mended");
});

test("stale health is news only when it stays so", () => {
  const stale = (seconds) =>
    needs(
      aBoard(3, {
        decision: aDecision(
          aReason("HealthIsStale", { since: new Date(NOW - 1000 * seconds).toISOString() }),
        ),
      }),
    );
  assert.deepEqual([stale(5).length, stale(20)[0]?.text], [0, "HealthIsStale."]);
});

test("what nothing but a person ends is asked for, and leads to those that it holds", () => {
  const quarantined = aReason("Quarantined", { instances: ["1", "2"], act: "release" });
  const [image, ill] = needs(
    aBoard(3, { decision: aDecision(aReason("NoImagePublished"), quarantined) }),
  ).sort((a, b) => (a.code < b.code ? -1 : 1));
  assert.deepEqual(
    [image.code, ill.code, ill.acts],
    ["NoImagePublished", "Quarantined", [{ word: "See the 2", states: [], reason: "Quarantined" }]],
  );
});

test("pauses, a stop of the fleet and what was cancelled are quiet", () => {
  for (const code of [
    "Paused",
    "PauseBetweenBatches",
    "FleetStopped",
    "LastAttemptStopped",
    "AutomaticUpgradesOff",
    "OptedOut",
    "OptOutsLeaveNothing",
    "SwitchedOff",
    "WaitsForItsTurn",
  ])
    assert.deepEqual(needs(aBoard(3, { decision: aDecision(aReason(code)) })), [], code);
});

test("the gate says in the engine's own words how many must recover", () => {
  const gate = aReason("TooManyUnhealthy", { text: "Held by the health gate." });
  assert.equal(
    needs(
      aBoard(30, {
        decision: aDecision(gate),
        figures: figuresOf(
          { unhealthy: "0-6" },
          { unhealthy: aGauge("0-6", 30), over_limit: aSentence("Over.") },
        ),
      }),
    )[0].text,
    "Held by the health gate.",
  );
});

test("each picture holds all of its scale set, as large as that goes, whatever else is in the fleet", () => {
  for (const largest of [1, 10, 60, 400, 1000]) {
    const box = { width: 290, height: 36 },
      pitch = pitchFor(box, largest);
    assert.ok(
      Math.floor(box.height / pitch) * Math.floor(box.width / pitch) >= largest,
      `${largest} at ${pitch}`,
    );
    assert.ok(pitch >= 3, `${largest} at ${pitch}: too small to be read`);
  }
  assert.deepEqual(
    [10, 400, 1000].map((n) => pitchFor({ width: 290, height: 36 }, n)),
    [12, 5, 3],
  );
});
