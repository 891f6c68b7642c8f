// Numbers and times as people read them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { aboutAt, momentAt, number, percentText } from "../../static/js/format.js";
import { ahead, names, range, since, span } from "../../static/js/spans.js";

test("numbers keep their digits together", () => {
  assert.deepEqual([0, 999, 1000, 12345, 1234567].map(number), [
    "0",
    "999",
    "1000",
    "12\u202f345",
    "1\u202f234\u202f567",
  ]);
});

test("percents have a decimal only where it says something", () => {
  assert.deepEqual([0, 20, 21.25, 33.333, 99.96].map(percentText), [
    "0\u00a0%",
    "20\u00a0%",
    "21.3\u00a0%",
    "33.3\u00a0%",
    "100\u00a0%",
  ]);
});

test("spans in two units", () => {
  const spans = [-5, 45_000, 250_000, 7_500_000, 273_600_000].map(span);
  assert.deepEqual(spans, ["0 s", "45 s", "4 m 10 s", "2 h 5 m", "3 d 4 h"]);
  assert.equal(since("2018-09-25T12:00:00Z", Date.parse("2018-09-25T12:00:30Z")), "30 s");
});

test("a time has its day unless that is today", () => {
  const at = new Date(2018, 8, 25, 12, 4).getTime();
  assert.equal(momentAt(at, at + 1000), "12:04:00");
  assert.equal(
    momentAt(at, at + 2 * 864e5),
    "2018-09-25 12:04:00",
    "as the terminal and the audit trail write it",
  );
  assert.deepEqual([aboutAt(at, at), aboutAt(at, at + 2 * 864e5)], ["12:04", "2018-09-25 12:04"]);
});

test("a time ahead is never a single exact one, and has its day where it is not today", () => {
  const at = new Date(2018, 8, 25, 12, 4).getTime();
  assert.equal(range(at, at + 1000, at), "about 12:04");
  assert.equal(range(at, at + 300_000, at), "12:04–12:09");
  assert.equal(range(at, at + 864e5, at), "12:04–2018-09-26 12:04");
  assert.equal(range(at + 864e5, at + 864e5 + 300_000, at), "2018-09-26 12:04–12:09");
  assert.equal(
    ahead({ earliest: new Date(at + 864e5).toISOString(), latest: null, late: true }, at),
    "after 2018-09-26 12:04",
  );
});

test("the first names, and how many more", () => {
  const list = ["a", "b", "c"].map((name) => ({ name }));
  assert.deepEqual(
    [names(list.slice(0, 1)), names(list.slice(0, 2)), names(list)],
    ["a", "a, b", "a, b and 1 more"],
  );
});
