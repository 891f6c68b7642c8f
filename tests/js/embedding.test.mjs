// The modules of clients/js, which other sites load: what they make of the feed. Pure parts only.

import assert from "node:assert/strict";
import { test } from "node:test";

import { applied, follows, numbers } from "../../clients/js/rollgrid-feed.js";
import { sentenceOf, statesOf, told } from "../../clients/js/rollgrid-grid.js";

const state = {
  stream: "s",
  seq: 3,
  scale_set: { decision: { text: "Nothing to do." } },
  upgrade: null,
  board: null,
  instances: { a: { id: "a" }, b: { id: "b" } },
};
const delta = { type: "delta", set: "rg/web", stream: "s", since: 3, seq: 5 };

test("a delta follows on what is there, and on nothing else", () => {
  assert.ok(follows(state, delta));
  assert.ok(follows(state, { ...delta, since: 1 }));
  assert.ok(!follows(state, { ...delta, since: 4 }));
  assert.ok(!follows(state, { ...delta, since: 1, seq: 3 }));
  assert.ok(!follows(state, { ...delta, stream: "t" }));
});

test("resources are replaced by id, and the state before stays as it was", () => {
  const next = applied(state, {
    ...delta,
    removed: ["a"],
    instances: [{ id: "b", n: 1 }],
    more: 1,
  });
  assert.deepEqual(next, { ...state, seq: 5, instances: { b: { id: "b", n: 1 } } });
  assert.deepEqual(Object.keys(state.instances), ["a", "b"]);
  assert.deepEqual(applied(state, { ...delta, upgrade: null, board: { n: 1 } }).board, { n: 1 });
});

test("numbers of the board are spelled out", () => {
  assert.deepEqual(numbers("0-2,7"), [0, 1, 2, 7]);
  assert.deepEqual(numbers(""), []);
});

test("a state that is not known is counted under its name", () => {
  const board = {
    states: { done: "0-2", levitating: "3,5" },
    counts: { up_to_date: 3, eligible: 5 },
  };
  const known = { ...state, board };
  assert.equal(statesOf(known).get(5), "levitating");
  assert.equal(sentenceOf(known), "3 of 5 up to date, 2 levitating. Nothing to do.");
  assert.equal(sentenceOf(state), "Nothing is known of its instances yet.");
  assert.equal(
    sentenceOf({ ...state, board: { ...board, states: {} } }),
    "No instances. Nothing to do.",
  );
});

test("times are in the zone of whoever looks, whatever language the page is in", () => {
  const params = { until: { type: "instant", value: "2026-11-30T12:05:00+00:00" } };
  const text = "Retries at 12:05 UTC {so far}.";
  const said = told({ text, template: "Retries at {until} {{so far}}.", params });
  assert.match(said, /^Retries at 2026-(11-30|12-01) \d\d:\d5 \S+ \{so far\}\.$/);
  assert.equal(told({ text }), text);
});
