// How large the cells of a grid are: as large as lets all of them stand in one window, and never too small to be told apart. Pure.

/**
 * What there is for the cells, in CSS pixels. `label`: the least height of a group; `above`: what stands above each group's cells.
 * @typedef {{ width: number, height: number, label: number, above?: number, largest?: number, isTouched?: boolean }} Room
 */

export const SMALLEST = 8; // CSS pixels
export const LARGEST = 40;
const SMALL = 12; // up to here cells stand closer, and their signs take all of the room
const FINGER = 24; // what a finger can hit

/**
 * The space between cells of this size.
 * @param {number} size
 */
export const gapOf = (size) => (size < SMALL ? 1 : 2);
/** @param {number} size */
export const isSmall = (size) => size < SMALL;

/**
 * What the groups (their counts) take of the height, with cells of this size. `label`: the least height of a group.
 * @param {number[]} groups
 * @param {number} size
 * @param {Room} room
 */
export function heightOf(groups, size, { width, label, above = 0 }) {
  const pitch = size + gapOf(size),
    columns = Math.max(1, Math.floor((width + gapOf(size)) / pitch));
  return groups.reduce(
    (all, count) => all + above + Math.max(label, Math.ceil(count / columns) * pitch) + 2,
    0,
  );
}

/**
 * The largest size with which all groups fit into the room; the smallest where none does. `room`: {width, height, label, above, isTouched}.
 * @param {number[]} groups
 * @param {Room} room
 */
export function sizeFor(groups, room) {
  const least = room.isTouched ? FINGER : SMALLEST;
  let size = room.largest ?? LARGEST;
  while (size > least && heightOf(groups, size, room) > room.height) size -= 1;
  return size;
}
