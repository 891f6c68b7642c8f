// Where the keys lead in a grid: from one cell to another, by the order in which they stand and by where they are on the screen. Pure.

/** @import { Grid } from "./grid.js" */

/**
 * The place to which an arrow or a page key leads; undefined where it leads nowhere.
 * @param {string} key as events have it: "ArrowLeft", "Home", ...
 * @param {number | undefined} place from which
 * @param {number[][]} groups the places of each group, as they stand
 * @param {(place: number) => { left: number, top: number }} boxOf where a cell is
 * @returns {number | undefined}
 */
export function placeFrom(key, place, groups, boxOf) {
  if (place === undefined) return undefined;
  const row = groups.findIndex((group) => group.includes(place));
  if (row < 0) return undefined;
  const all = groups.flat(),
    at = all.indexOf(place);
  switch (key) {
    case "ArrowRight":
      return all[at + 1];
    case "ArrowLeft":
      return all[at - 1];
    case "ArrowDown":
      return nearest(all.slice(at + 1), boxOf(place), boxOf);
    case "ArrowUp":
      return nearest(all.slice(0, at).reverse(), boxOf(place), boxOf);
    default:
      return placeInGroups(key, place, groups, row);
  }
}

/**
 * @param {string} key
 * @param {number} place
 * @param {number[][]} groups
 * @param {number} row the group that the place is in
 */
function placeInGroups(key, place, groups, row) {
  const group = groups[row];
  switch (key) {
    case "Home":
      return group[0];
    case "End":
      return group.at(-1);
    case "PageDown":
      return groups[row + 1]?.[0];
    case "PageUp":
      return groups[group[0] === place ? row - 1 : row]?.[0];
  }
}

/**
 * The nearest cell of the next visual row: groups wrap as the window likes.
 * @param {number[]} places the next one first
 * @param {{ left: number, top: number }} from
 * @param {(place: number) => { left: number, top: number }} boxOf
 */
function nearest(places, from, boxOf) {
  let best, top;
  let distance = Infinity;
  for (const place of places) {
    const box = boxOf(place);
    if (isSameRow(box.top, from.top)) continue;
    top ??= box.top;
    if (!isSameRow(box.top, top)) break;
    const away = Math.abs(box.left - from.left);
    if (away < distance) [best, distance] = [place, away];
  }
  return best;
}

/**
 * @param {number} top
 * @param {number} other
 */
const isSameRow = (top, other) => Math.abs(top - other) <= 1;

/**
 * The id to which an arrow or a page key leads from the cell of a grid that has the focus.
 * @param {string} key
 * @param {Pick<Grid, "board" | "focused" | "order" | "cells">} grid
 */
export function targetOf(key, { board, focused, order, cells }) {
  const boxOf = (/** @type {number} */ at) => cells[at].getBoundingClientRect();
  const to = placeFrom(key, board?.places.get(focused ?? ""), order, boxOf);
  return to === undefined ? undefined : board?.instances[to].id;
}
