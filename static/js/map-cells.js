// Where single cells of a layout are: from their number to their place, and back. Pure.

/** @import { Layout } from "./map-layout.js" */

/**
 * The places of all cells, group after group; `starts`: the number of the first cell of each group.
 * @typedef {{ xs: Int32Array, ys: Int32Array, starts: number[] }} Places
 */

/**
 * @param {Layout} layout
 * @param {number[]} counts the cells of each group
 * @returns {Places}
 */
export function placesOf({ blocks, pitch }, counts) {
  const starts = startsOf(counts),
    total = counts.reduce((sum, count) => sum + count, 0);
  const xs = new Int32Array(total),
    ys = new Int32Array(total);
  for (const { group, from, count, x, y, columns, across } of blocks)
    for (let i = 0, cell = starts[group] + from; i < count; i += 1, cell += 1) {
      xs[cell] = Math.round(x + (i % columns) * across);
      ys[cell] = y + Math.floor(i / columns) * pitch;
    }
  return { xs, ys, starts };
}

/** @param {number[]} counts */
export function startsOf(counts) {
  let sum = 0;
  return counts.map((count) => (sum += count) - count);
}

/**
 * The cell at a point, as its group and its place in it; null where there is none.
 * @param {Layout} layout
 * @param {number} x in device pixels
 * @param {number} y
 */
export function cellAt({ blocks, pitch }, x, y) {
  for (const block of blocks) {
    const column = Math.floor((x - block.x) / block.across),
      row = Math.floor((y - block.y) / pitch);
    const place = row * block.columns + column;
    if (column < 0 || row < 0 || column >= block.columns || place >= block.count) continue;
    return { group: block.group, place: block.from + place };
  }
  return null;
}

/**
 * The cell beside another one, in the direction of an arrow; null at the edge.
 * @param {Layout} layout
 * @param {Places} places
 * @param {number} cell
 * @param {{ right: number, down: number }} step
 */
export function besides({ pitch, side }, { xs, ys }, cell, { right, down }) {
  const isAhead = (/** @type {number} */ i) =>
    right ? (xs[i] - xs[cell]) * right > 0 : (ys[i] - ys[cell]) * down > 0;
  let best = -1,
    nearest = Infinity;
  for (let i = 0; i < xs.length; i += 1) {
    if (!isAhead(i)) continue;
    const along = Math.abs(right ? xs[i] - xs[cell] : ys[i] - ys[cell]),
      aside = Math.abs(right ? ys[i] - ys[cell] : xs[i] - xs[cell]);
    const far = along + 4 * aside;
    if ((right && aside > side + pitch) || far >= nearest) continue;
    [best, nearest] = [i, far];
  }
  return best < 0 ? null : best;
}
