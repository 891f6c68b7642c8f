// Where the keys lead in a grid: at its edges, with no cell, with one, and with a thousand.

import assert from "node:assert/strict";
import { test } from "node:test";

import { placeFrom } from "../../static/js/moves.js";

const KEYS = ["Right", "Left", "Down", "Up"].map((way) => `Arrow${way}`);
const ALL = [...KEYS, "Home", "End", "PageDown", "PageUp"];

/** Cells of 10 pixels, so many beside each other; each group begins a row of its own. */
function standing(groups, columns) {
  const boxes = new Map();
  let row = 0;
  for (const group of groups) {
    group.forEach((place, i) =>
      boxes.set(place, { left: 10 * (i % columns), top: 10 * (row + Math.floor(i / columns)) }),
    );
    row += Math.ceil(group.length / columns);
  }
  return (place) => boxes.get(place);
}

const leads = (groups, columns, place) =>
  Object.fromEntries(
    ALL.map((key) => [key, placeFrom(key, place, groups, standing(groups, columns))]),
  );

test("with no cell, and from one that is gone, no key leads anywhere", () => {
  for (const place of [undefined, 0, 7])
    assert.deepEqual(new Set(Object.values(leads([], 4, place))), new Set([undefined]));
});

test("from the only cell every key stays or leads nowhere", () => {
  const { Home, End, PageUp, ...others } = leads([[0]], 4, 0);
  assert.deepEqual([Home, End, PageUp], [0, 0, undefined]);
  assert.deepEqual(new Set(Object.values(others)), new Set([undefined]));
});

// 0 1 2 3
// 4 5
// --------
// 6 7 8
const TWO = [
  [0, 1, 2, 3, 4, 5],
  [6, 7, 8],
];

test("arrows lead to the neighbour, over the end of a row and of a group", () => {
  const of = (key, place) => placeFrom(key, place, TWO, standing(TWO, 4));
  assert.deepEqual(
    [of("ArrowRight", 3), of("ArrowRight", 5), of("ArrowRight", 8)],
    [4, 6, undefined],
  );
  assert.deepEqual([of("ArrowLeft", 4), of("ArrowLeft", 6), of("ArrowLeft", 0)], [3, 5, undefined]);
});

test("up and down lead to the nearest cell of the next row, also where that one is shorter or of another group", () => {
  const of = (key, place) => placeFrom(key, place, TWO, standing(TWO, 4));
  assert.deepEqual([of("ArrowDown", 1), of("ArrowDown", 3), of("ArrowDown", 4)], [5, 5, 6]);
  assert.deepEqual([of("ArrowDown", 6), of("ArrowUp", 0)], [undefined, undefined]);
  assert.deepEqual([of("ArrowUp", 8), of("ArrowUp", 6), of("ArrowUp", 5)], [5, 4, 1]);
});

test("Home and End lead within the group, page keys to the first cell of a group", () => {
  const of = (key, place) => placeFrom(key, place, TWO, standing(TWO, 4));
  assert.deepEqual([of("Home", 4), of("End", 1), of("Home", 8), of("End", 6)], [0, 5, 6, 8]);
  assert.deepEqual([of("PageDown", 3), of("PageDown", 8)], [6, undefined]);
  assert.deepEqual([of("PageUp", 8), of("PageUp", 6), of("PageUp", 0)], [6, 0, undefined]);
});

test("a key that moves nothing leads nowhere", () =>
  assert.equal(placeFrom("x", 0, TWO, standing(TWO, 4)), undefined));

test("of a thousand cells every one is reached by the arrows, forward and back, and each has one row below it", () => {
  const thousand = Array.from({ length: 5 }, (_, batch) =>
    Array.from({ length: 200 }, (_, i) => 200 * batch + i),
  );
  const boxOf = standing(thousand, 30);
  const walk = (key, from) => {
    const seen = [];
    for (let at = from; at !== undefined; at = placeFrom(key, at, thousand, boxOf)) seen.push(at);
    return seen;
  };
  assert.equal(walk("ArrowRight", 0).length, 1000);
  assert.equal(walk("ArrowLeft", 999).length, 1000);
  assert.equal(walk("ArrowDown", 0).length, 35, "five groups of seven rows");
  assert.deepEqual(walk("ArrowUp", 800).reverse(), walk("ArrowDown", 0).slice(0, 29));
});
