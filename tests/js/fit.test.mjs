// How large cells are: as large as lets all of them stand in one window.

import assert from "node:assert/strict";
import test from "node:test";

import { gapOf, heightOf, LARGEST, sizeFor, SMALLEST } from "../../static/js/fit.js";

const DESK = { width: 660, height: 460, label: 18, above: 0 };

test("a thousand cells in five batches stand in one window of 1280 by 800", () => {
  const batches = [200, 200, 200, 200, 200],
    size = sizeFor(batches, DESK);
  assert.ok(size >= SMALLEST);
  assert.ok(heightOf(batches, size, DESK) <= DESK.height);
  assert.ok(heightOf(batches, size + 1, DESK) > DESK.height);
});

test("a few cells are as large as cells get, and no larger", () => {
  assert.equal(sizeFor([10], DESK), LARGEST);
  assert.equal(sizeFor([], DESK), LARGEST);
});

test("what does not fit at all is shown in the smallest size, which a finger can still hit", () => {
  assert.equal(sizeFor(Array(100).fill(10), DESK), SMALLEST);
  assert.equal(sizeFor(Array(100).fill(10), { ...DESK, isTouched: true }), 24);
});

test("a small cell has less space around it", () => {
  assert.equal(gapOf(8), 1);
  assert.equal(gapOf(20), 2);
});
