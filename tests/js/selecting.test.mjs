// Selecting: one, all between, all that match; and ids in addresses.

import assert from "node:assert/strict";
import { test } from "node:test";

import { idsIn, rangesOf } from "../../static/js/ranges.js";
import { between, Selecting } from "../../static/js/selecting.js";

const ORDER = ["0", "1", "2", "3", "4", "5"];
const aSelection = () => {
  const told = [];
  return {
    told,
    selecting: new Selecting(
      new Set(),
      () => ORDER,
      (ids) => told.push(ids),
    ),
  };
};
const CTRL = { ctrlKey: true },
  SHIFT = { shiftKey: true };

test("a click alone opens; with Ctrl it adds and takes away, with Shift it takes all between", () => {
  const { selecting } = aSelection();
  assert.equal(selecting.click("1", {}), false);
  assert.deepEqual([...selecting.selected], []);
  assert.equal(selecting.click("4", SHIFT), true);
  assert.deepEqual([...selecting.selected], ["1", "2", "3", "4"]);
  selecting.click("2", CTRL);
  assert.deepEqual([...selecting.selected], ["1", "3", "4"]);
  selecting.click("0", SHIFT);
  assert.deepEqual([...selecting.selected].sort(), ["0", "1", "2", "3", "4"]);
});

test("what changed is told, and no more", () => {
  const { selecting, told } = aSelection();
  selecting.all(["0", "1"]);
  selecting.all(["1", "2"]);
  selecting.clear();
  assert.deepEqual(
    told.map((ids) => ids.sort()),
    [
      ["0", "1"],
      ["0", "2"],
      ["1", "2"],
    ],
  );
});

test("the stretch between two is the same from either end", () => {
  assert.deepEqual(between(ORDER, "3", "1"), ["1", "2", "3"]);
  assert.deepEqual(between(ORDER, "gone", "1"), ["1"]);
});

test("ids in few words, and back; whatever else an address says is nothing", () => {
  assert.equal(rangesOf(["10", "2", "0", "1", "7"]), "0-2,7,10");
  assert.deepEqual(idsIn("0-2,7,10"), ["0", "1", "2", "7", "10"]);
  assert.deepEqual(idsIn("x,-3,5-,7-5,1e9,"), []);
  assert.equal(idsIn("0-999999999").length, 10000);
});
