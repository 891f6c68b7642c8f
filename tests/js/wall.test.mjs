// The wall: what its address asks for, which scale sets it shows, what it says of them, and that it never shows old news as new.

import assert from "node:assert/strict";
import { test } from "node:test";

import { countAgain } from "../../static/js/fleet-counts.js";
import { driftAt } from "../../static/js/wall-frame.js";
import { newsOf } from "../../static/js/wall-news.js";
import { optionsIn } from "../../static/js/wall-options.js";
import { endOf, fleetSays, setSays } from "../../static/js/wall-say.js";
import { nextTurn, worstFirst } from "../../static/js/wall-shown.js";
import { aBoard, aCurrent, aDecision, AT, aReason, anUpgrade, figuresOf } from "./boards.mjs";

const NOW = Date.parse(AT);
const counted = (board, key = board.key) => countAgain({ ...board, key }, undefined, NOW);
const named = (name, ...more) => counted(aBoard(...more), `fleet/${name}`);

const rolling = () =>
  aBoard(10, {
    upgrade: anUpgrade(),
    figures: figuresOf(
      { done: "0-3", upgrading: "4-5", pending: "6-9" },
      {
        batch: aCurrent({ current: 3 }),
        ends: { earliest: AT, latest: "2018-09-25T12:09:00Z", late: false },
      },
    ),
    decision: aDecision(aReason("WaitingForHealth", { text: "Waiting for 2 instances." })),
  });
const failed = () => aBoard(10, { figures: figuresOf({ done: "0-8", failed: "9" }) });
const held = () => aBoard(10, { figures: figuresOf({ done: "0-4", held: "5-9" }) });

// --- options ----------------------------------------------------------------------------------------------------------

test("an address without options asks for all scale sets", () => {
  const { options, problems } = optionsIn("");
  assert.deepEqual(options, {
    sets: null,
    fit: 100,
    rotate: 20,
    theme: "dark",
    clock: "seconds",
    lang: "en",
  });
  assert.deepEqual(problems, []);
});

test("every option is read", () => {
  const query = "?sets=Fleet/Web,fleet/db&fit=95&rotate=off&theme=auto&clock=minutes&lang=sv";
  const { options, problems } = optionsIn(query, ["en", "sv"]);
  assert.deepEqual(options, {
    sets: ["fleet/web", "fleet/db"],
    fit: 95,
    rotate: 0,
    theme: "auto",
    clock: "minutes",
    lang: "sv",
  });
  assert.deepEqual(problems, []);
});

for (const [query, name] of [
  ["sets=web", "sets"],
  ["sets=", "sets"],
  ["fit=50", "fit"],
  ["fit=full", "fit"],
  ["rotate=1", "rotate"],
  ["rotate=-5", "rotate"],
  ["theme=red", "theme"],
  ["clock=analogue", "clock"],
  ["lang=tlh", "lang"],
  ["them=dark", "them"],
  ["toString=1", "toString"],
])
  test(`"${query}" is said on the screen, and is not obeyed`, () => {
    const { options, problems } = optionsIn(query, ["en", "sv"]);
    assert.equal(problems.length, 1);
    assert.ok(problems[0].startsWith(name), problems[0]);
    assert.deepEqual(options, optionsIn("").options);
  });

test("what is said of a bad value is short, whatever stands in the address", () => {
  assert.ok(optionsIn(`theme=${"x".repeat(9999)}`).problems[0].length < 200);
});

// --- which scale sets -------------------------------------------------------------------------------------------------

test("failures come first, then what is held, then what runs; what is calm is not shown alone", () => {
  const fleet = [
    named("calm", 10),
    counted(rolling(), "fleet/rolls"),
    counted(held(), "fleet/held"),
    counted(failed(), "fleet/failed"),
  ];
  const keys = worstFirst(fleet).map(({ board }) => board.key);
  assert.deepEqual(keys, ["fleet/failed", "fleet/held", "fleet/rolls"]);
});

test("a failure stays until it is cleared", () => {
  const keys = (board) => worstFirst([counted(board)]).length;
  assert.deepEqual([keys(failed()), keys(aBoard(10))], [1, 0]);
});

test("each is shown in its turn, and nothing turns where only one is to be shown", () => {
  const every = 20_000,
    keys = ["a/1", "a/2"];
  let turn = nextTurn(keys, { key: "", since: 0 }, { now: 1000, every });
  assert.deepEqual(turn, { key: "a/1", since: 1000 });
  assert.equal(nextTurn(keys, turn, { now: 20_999, every }), turn);
  turn = nextTurn(keys, turn, { now: 21_000, every });
  assert.equal(turn.key, "a/2");
  assert.equal(nextTurn(keys, turn, { now: 41_000, every }).key, "a/1");
  assert.equal(nextTurn(["a/2"], turn, { now: 41_000, every }).key, "a/2");
});

test("what needs nobody any more gives way, and without any the whole fleet is shown", () => {
  const turn = { key: "a/2", since: 0 },
    every = 20_000;
  assert.equal(nextTurn(["a/1"], turn, { now: 5, every }).key, "a/1");
  assert.equal(nextTurn([], turn, { now: 5, every }).key, "");
  assert.equal(nextTurn(["a/1"], turn, { now: 5, every: 0 }).key, "", "it does not rotate");
});

test("a clock that was set back does not stop the turns", () => {
  const turn = nextTurn(["a/1", "a/2"], { key: "a/1", since: 9e9 }, { now: 5, every: 20_000 });
  assert.deepEqual(turn, { key: "a/2", since: 5 });
});

// --- what it says -----------------------------------------------------------------------------------------------------

const says = (board) => setSays(counted(board));

test("a running upgrade: how far, which batch, what it waits for, when it ends", () => {
  const { sentence, reason } = says(rolling());
  assert.equal(sentence, "Rolling forward, 40\u00a0% up to date, batch 3 of 5.");
  assert.equal(reason, "Waiting for 2 instances.");
  const { label, value } = endOf([counted(rolling())], NOW);
  assert.match(label, /^Expected end, \S+/);
  assert.match(value, /^\d\d:00–\d\d:09$/);
});

test("what needs a person is the reason that is shown", () => {
  assert.equal(says(failed()).sentence, "Needs a person, 90\u00a0% up to date.");
  assert.match(says(failed()).reason, /^1 instance .*web_9\.$/);
  assert.equal(says(failed()).fill, "failure");
});

test("what is held says so, and what is done too", () => {
  assert.equal(says(held()).sentence, "Held, 50\u00a0% up to date.");
  assert.equal(says(aBoard(10)).sentence, "All 10 instances are up to date.");
});

test("the whole fleet has one sentence: the worst first", () => {
  const fleetWith = (...boards) => {
    const fleet = boards.map((board, i) => counted(board, `fleet/s${i}`));
    return fleetSays(fleet, worstFirst(fleet));
  };
  assert.equal(fleetWith(aBoard(10), aBoard(10)).reason, "Nothing needs a person.");
  assert.match(fleetWith(aBoard(10), aBoard(10)).sentence, /^All is calm: 2 scale sets, 100/);
  assert.match(fleetWith(aBoard(10), rolling()).sentence, /^1 of 2 scale sets are being upgraded/);
  assert.equal(fleetWith(rolling(), failed(), held()).sentence, "1 of 3 scale sets need a person.");
  assert.match(fleetWith(rolling(), failed()).reason, /^web: 1 instance/);
  assert.equal(fleetWith().sentence, "There is no scale set to show.");
});

// --- never green on old news ------------------------------------------------------------------------------------------

const connectionWith = (changes) => ({
  kind: "live",
  details: {},
  late: 0,
  lateKey: "",
  engine: 0,
  fault: 0,
  ...changes,
});

for (const [what, changes] of [
  ["its feed is silent", { kind: "stale", details: { since: NOW - 9000 } }],
  ["its link was revoked", { kind: "signed-out" }],
  ["a scale set is behind, and its snapshot does not come", { late: NOW - 9000, lateKey: "a/1" }],
  ["the engine is away", { engine: NOW - 1000 }],
  ["the page itself is broken", { fault: NOW - 1000 }],
])
  test(`a wall is hatched where ${what}, and says since when`, () => {
    const news = newsOf(connectionWith(changes), NOW);
    assert.equal(news.isStale, true);
    assert.match(news.sentence, /\d\d:\d\d:\d\d/);
    assert.match(news.chip, /^Stale since \d\d:\d\d:\d\d/);
    assert.equal(news.fill, "failure");
  });

test("a wall with a feed is not hatched, also when a snapshot takes some seconds", () => {
  assert.equal(newsOf(connectionWith(), NOW).isStale, false);
  assert.equal(newsOf(connectionWith({ late: NOW - 5000 }), NOW).isStale, false);
  assert.equal(newsOf(connectionWith({ kind: "polling" }), NOW).chip, "Updating every 3 s");
});

test("the picture drifts by some pixels each minute, and comes back", () => {
  const places = Array.from({ length: 18 }, (_, minute) => driftAt(minute, 1080));
  assert.equal(new Set(places.map(({ x, y }) => `${x} ${y}`)).size, 9);
  assert.deepEqual(places.slice(0, 9), places.slice(9));
  assert.ok(places.every(({ x, y }) => Math.abs(x) <= 3 && Math.abs(y) <= 3));
});
