// What the fleet page and the images page count of boards.

import assert from "node:assert/strict";
import { test } from "node:test";

import { countAgain, isPicked } from "../../static/js/fleet-counts.js";
import { countsBySku, imageOf } from "../../static/js/sku-counts.js";
import { aBoard, anInstance, AT, figuresOf, NEW, OLD } from "./boards.mjs";

const NOW = Date.parse(AT);

test("a board is counted again when it is another one, or when a second is over", () => {
  const board = aBoard(3),
    first = countAgain(board, undefined, NOW);
  assert.equal(countAgain(board, first, NOW + 999), first);
  const later = countAgain(board, { ...first, isPainted: true }, NOW + 1000);
  assert.deepEqual([later.at, later.sum, later.isPainted], [NOW + 1000, first.sum, true]);
  const other = countAgain(aBoard(4), { ...first, isPainted: true }, NOW);
  assert.deepEqual([other.sum.size, other.isPainted], [4, false]);
});

test("a headline number picks those that it counts; without one all are picked", () => {
  const ill = countAgain(aBoard(2, { figures: figuresOf({ unhealthy: "0-1" }) }), undefined, NOW),
    well = countAgain(aBoard(2), undefined, NOW);
  assert.ok(isPicked(well, "latest") && !isPicked(well, "needs"));
  assert.ok(isPicked(ill, "") && isPicked(undefined, "") && !isPicked(undefined, "latest"));
});

test("instances by version, added up over the scale sets of one SKU, whatever its case", () => {
  const versions = (...list) => aBoard(list.map((version, id) => anInstance(id, { version })));
  const counts = countsBySku([versions(OLD, OLD, NEW), versions(NEW)].map(imageOf));
  assert.deepEqual([...counts], [["canonical:ubuntuserver:16.04-lts", { [OLD]: 2, [NEW]: 2 }]]);
});
