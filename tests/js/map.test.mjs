// All cells of a fleet on one canvas: nothing outside, nothing on top of each other, as large as they can be, and only what changed is painted.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { cellAt, placesOf, startsOf } from "../../static/js/map-cells.js";
import { detailOf, layoutOf } from "../../static/js/map-layout.js";

/** Width, height, device pixels per CSS pixel. */
const SCREENS = [
  [1280, 720, 1],
  [1920, 1080, 1],
  [3840, 2160, 1],
  [1080, 1920, 1],
  [1920, 1080, 2],
  [1366, 768, 1.25],
];
const COUNTS = [1, 7, 60, 200, 399, 400, 1000, 2000, 5000, 9999, 10_000];

/** What the sentence and the counts leave of a screen. */
const boxOf = ([width, height, ratio]) => ({
  width: Math.round(width * 0.95 * ratio),
  height: Math.round(height * 0.55 * ratio),
  ratio,
  unit: (Math.min(width, height) / 100) * ratio,
  text: Math.round((Math.min(width, height) / 50) * ratio),
});

/** A stream of numbers that is the same each time. */
function dice(seed) {
  let state = seed;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

/** So many cells in so many groups of very different sizes. */
function groupsOf(count, sets, roll = dice(count + sets)) {
  const shares = Array.from({ length: sets }, () => roll() ** 2 + 0.01),
    all = shares.reduce((sum, share) => sum + share, 0);
  const groups = shares.map((share) => ({
    count: Math.floor((count * share) / all),
    letters: 3 + Math.floor(roll() * 20),
  }));
  groups[0].count += count - groups.reduce((sum, group) => sum + group.count, 0);
  return groups;
}

/** No other one is nearer than a side: squares of one size that touch are in the same part of the box, or in one beside it. */
function isAlone(taken, { x, y, side }) {
  const [column, row] = [Math.floor(x / side), Math.floor(y / side)];
  for (const dx of [-1, 0, 1])
    for (const dy of [-1, 0, 1]) {
      const other = taken.get((column + dx) * 1e5 + row + dy);
      const isApart = !other || Math.abs(other.x - x) >= side || Math.abs(other.y - y) >= side;
      assert.ok(isApart, "no cell stands on another one");
    }
  taken.set(column * 1e5 + row, { x, y });
}

function isSound(groups, box) {
  const counts = groups.map(({ count }) => count),
    layout = layoutOf(groups, box),
    { xs, ys } = placesOf(layout, counts);
  const { side } = layout,
    taken = new Map();
  assert.ok(side >= 1 && layout.pitch >= side);
  const placed = layout.blocks.reduce((sum, { count }) => sum + count, 0);
  assert.equal(placed, xs.length, "each cell has its place");
  for (let cell = 0; cell < xs.length; cell += 1) {
    const [x, y] = [xs[cell], ys[cell]];
    assert.ok(x >= 0 && x + side <= box.width, `${x} + ${side} in ${box.width}`);
    assert.ok(y >= layout.name && y + side <= box.height, `${y} + ${side} in ${box.height}`);
    isAlone(taken, { x, y, side });
  }
  return layout;
}

for (const screen of SCREENS)
  test(`on ${screen.join(" x ")} all cells have room, whatever their number`, () => {
    for (const count of COUNTS)
      for (const sets of [1, 2, 12, 60])
        if (count >= sets) isSound(groupsOf(count, sets), boxOf(screen));
  });

test("cells of one scale set are as large as they can be", () => {
  const box = boxOf([1280, 720, 1]);
  const sizes = COUNTS.map((count) => layoutOf([{ count, letters: 5 }], box).pitch);
  assert.deepEqual(
    sizes,
    [...sizes].sort((a, b) => b - a),
  );
  assert.ok(sizes.at(-1) >= 6, "10,000 cells on the smallest screen can still be told apart");
});

test("labels go first, then glyphs, and names of scale sets where cells would be much smaller", () => {
  const box = boxOf([1920, 1080, 1]);
  const shown = (count) => detailOf(layoutOf([{ count, letters: 5 }], box).side, box);
  assert.deepEqual([60, 400, 10_000].map(shown), [
    { label: true, glyph: true },
    { label: false, glyph: true },
    { label: false, glyph: false },
  ]);
  assert.ok(layoutOf(groupsOf(2000, 12), box).name > 0);
  assert.equal(layoutOf(groupsOf(2000, 12), { ...box, height: 40 }).name, 0);
});

test("a fleet without instances, or without room, is no error", () => {
  const box = boxOf([1280, 720, 1]);
  assert.deepEqual(layoutOf([], box).blocks, []);
  assert.deepEqual(layoutOf([{ count: 0, letters: 3 }], box).blocks, []);
  layoutOf(groupsOf(500, 5), { ...box, width: 0, height: 0 });
});

test("the cell under the pointer is the one that stands there", () => {
  const groups = groupsOf(900, 9),
    counts = groups.map(({ count }) => count),
    layout = layoutOf(groups, boxOf([1920, 1080, 1]));
  const { xs, ys } = placesOf(layout, counts),
    starts = startsOf(counts);
  for (let cell = 0; cell < xs.length; cell += 1) {
    const found = cellAt(layout, xs[cell] + 1, ys[cell] + 1);
    assert.equal(starts[found.group] + found.place, cell);
  }
  assert.equal(cellAt(layout, -5, -5), null);
});

// --- painting ---------------------------------------------------------------------------------------------------------

let drawn, painter, MapPainter, numberOf;

/** A pen that counts the rectangles it fills. */
function aCanvas() {
  const pen = new Proxy(
    { measureText: (text) => ({ width: text.length }) },
    {
      get: (made, name) =>
        made[name] ?? (name === "fillRect" ? (...place) => drawn.push(place) : () => undefined),
      set: () => true,
    },
  );
  return { width: 0, height: 0, getContext: () => pen };
}

beforeEach(async () => {
  drawn = [];
  Object.assign(globalThis, {
    addEventListener() {},
    matchMedia: () => ({ addEventListener() {} }),
    getComputedStyle: () => ({ getPropertyValue: (name) => name, fontFamily: "sans" }),
  });
  ({ MapPainter, numberOf } = await import("../../static/js/map-painter.js"));
  painter = new MapPainter(aCanvas());
});

function aPicture(count, changes = {}) {
  const box = boxOf([1280, 720, 1]),
    groups = [{ count, letters: 3 }],
    layout = layoutOf(groups, box);
  const codes = new Uint8Array(count).fill(numberOf("done"));
  for (const [cell, code] of Object.entries(changes)) codes[cell] = numberOf(code);
  return { layout, places: placesOf(layout, [count]), box, codes, names: ["web"], labelOf: String };
}

test("only what changed is painted", () => {
  const picture = aPicture(400);
  assert.equal(painter.paint(picture), 400);
  drawn = [];
  assert.equal(painter.paint(picture), 0);
  assert.equal(drawn.length, 0);
  picture.codes[7] = numberOf("upgrading");
  assert.equal(painter.paint(picture), 1);
  assert.equal(drawn.length, 1);
});

test("a few bad ones among small cells are drawn last, and twice as large", () => {
  painter.paint(aPicture(10_000, { 5000: "failed", 77: "unhealthy" }));
  const [page, rim, fill] = drawn.slice(-3);
  const { side } = layoutOf([{ count: 10_000, letters: 3 }], boxOf([1280, 720, 1]));
  assert.ok(fill[2] >= 2 * side && rim[2] > fill[2] && page[2] > rim[2]);
  assert.ok(
    Math.abs(fill[0] + fill[2] / 2 - painter.last.places.xs[5000]) <= side,
    "the failed one",
  );
});

test("where a bad one is well again nothing is left of it", () => {
  const bad = aPicture(10_000, { 5000: "failed" });
  painter.paint(bad);
  const well = { ...bad, codes: aPicture(10_000).codes };
  assert.equal(
    painter.paint(well),
    10_000,
    "all of it is painted anew: it stood over its neighbours",
  );
});

test("where many are bad they are not drawn over their neighbours", () => {
  const many = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [i * 10, "unhealthy"]));
  painter.paint(aPicture(10_000, many));
  assert.equal(drawn.length, 10_000);
});
