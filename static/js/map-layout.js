// How large a cell can be so that all of them are on the screen, and where each stands. Pure: arithmetic in device pixels.
//
// The cells of one group (a scale set) stand in a block, row by row. One group has the whole box; several stand beside each other in
// bands, each under its name. A block that is too long for its band goes on in the next one.

/**
 * `count`: its cells; `letters`: of its name.
 * @typedef {{ count: number, letters: number }} Group
 *
 * `ratio`: device pixels per CSS pixel; `unit`: a hundredth of the short side of what is looked at; `text`: the height of names, 0 for none.
 * @typedef {{ width: number, height: number, ratio: number, unit: number, text: number }} Box
 *
 * A block, or a part of one: cells `from` on, of the group's. `across`: from column to column; `room`: for its name, 0 where there is none.
 * @typedef {{ group: number, from: number, count: number, x: number, y: number, columns: number, across: number, room: number }} Block
 *
 * `pitch`: from row to row; `side`: of a cell; `name`: the height of a line of names, 0 where they are left out.
 * @typedef {{ pitch: number, side: number, name: number, blocks: Block[] }} Layout
 */

const MAX_SHARE = 18; // units: a cell larger than that says nothing more
const LETTER = 0.56; // of the text's height
const LINE = 1.5;
const MAX_BANDS = 48;
const SMALLEST = 0.8; // of the largest pitch, to have more names whole
const SIZE_COUNTS = 2; // a tenth of the size is worth a fifth of the names
const NAMES_COST = 0.6; // names are left out where without them cells would be so much larger

/**
 * @param {Group[]} groups
 * @param {Box} box
 * @returns {Layout}
 */
export function layoutOf(groups, box) {
  const filled = groups.filter(({ count }) => count > 0);
  if (filled.length < 2) return alone(groups, box);
  const bare = inBands(groups, box, 0),
    name = Math.ceil(box.text * LINE),
    named = name ? inBands(groups, box, name) : null;
  return named && named.pitch >= bare.pitch * NAMES_COST ? named : bare;
}

/** @param {number} pitch */
export function gapOf(pitch, ratio = 1) {
  const css = pitch / ratio;
  if (css < 4) return pitch > 2 ? 1 : 0;
  return Math.max(1, Math.round((css >= 40 ? 4 : css >= 16 ? 2 : 1) * ratio));
}

/**
 * Labels go first, then glyphs; the fill stays to the end.
 * @param {number} side
 * @param {Pick<Box, "ratio" | "unit">} box
 */
export const detailOf = (side, { ratio, unit }) => ({
  label: side >= Math.max(44 * ratio, 6.2 * unit),
  glyph: side >= Math.max(11 * ratio, 1.4 * unit),
});

/**
 * The largest whole pitch with which so many cells have room in whole rows and columns; at least 1.
 * @param {number} count
 * @param {Box} box
 */
export function pitchFor(count, { width, height, unit }) {
  const shown = Math.max(1, count);
  let pitch = Math.floor(Math.min(Math.sqrt((width * height) / shown) + 1, MAX_SHARE * unit));
  while (pitch > 1 && Math.floor(width / pitch) * Math.floor(height / pitch) < shown) pitch -= 1;
  return Math.max(1, pitch);
}

/**
 * Large cells are spread to both edges; small ones keep their pitch, else uneven gaps draw lines.
 * @param {Group[]} groups
 * @param {Box} box
 * @returns {Layout}
 */
function alone(groups, box) {
  const group = groups.findIndex(({ count }) => count > 0),
    count = groups[group]?.count ?? 0;
  const pitch = pitchFor(count, box),
    side = pitch - gapOf(pitch, box.ratio);
  const columns = Math.max(1, Math.floor(box.width / pitch));
  const isSpread = pitch >= 24 * box.ratio && count >= columns && columns > 1;
  const across = isSpread ? (box.width - side) / (columns - 1) : pitch;
  const block = { group, from: 0, count, x: 0, y: 0, columns, across, room: 0 };
  return { pitch, side, name: 0, blocks: count ? [block] : [] };
}

/**
 * As large as they can be; a little smaller where more names are whole then.
 * @param {Group[]} groups
 * @param {Box} box
 * @param {number} name the height of a line of names
 * @returns {Layout}
 */
function inBands(groups, box, name) {
  const total = groups.reduce((sum, { count }) => sum + count, 0);
  /** @type {{ blocks: Block[], pitch: number } | null} */
  let best = null;
  let largest = 0,
    worth = -Infinity;
  for (let pitch = pitchFor(total, box); pitch >= Math.max(1, largest * SMALLEST); pitch -= 1) {
    const found = bestBands(groups, box, { pitch, name });
    if (!found) continue;
    largest ||= pitch;
    const here = (name ? found.score / groups.length : 0) + (SIZE_COUNTS * pitch) / largest;
    if (here > worth) [best, worth] = [{ blocks: found.blocks, pitch }, here];
    if (!name) break;
  }
  if (!best) return alone([{ count: total, letters: 0 }], box);
  const { blocks, pitch } = best;
  return { pitch, side: pitch - gapOf(pitch, box.ratio), name, blocks };
}

/**
 * Of the numbers of bands with which all cells have room at this pitch the one that leaves most names whole; null where there is none.
 * @param {Group[]} groups
 * @param {Box} box
 * @param {{ pitch: number, name: number }} size
 */
function bestBands(groups, box, { pitch, name }) {
  const between = Math.max(pitch >> 1, Math.round(box.unit));
  /** @type {Block[] | null} */
  let best = null,
    score = -1;
  for (let bands = 1; bands <= MAX_BANDS; bands += 1) {
    const rows = Math.floor(((box.height - (bands - 1) * between) / bands - name) / pitch);
    if (rows < 1) break;
    const blocks = placed(groups, box, { pitch, name, rows, bands, between });
    const whole = blocks ? scoreOf(blocks, groups, box.text) : -1;
    if (whole > score) [best, score] = [blocks, whole];
  }
  return best && { blocks: best, score };
}

/**
 * How many names are whole, and a little for blocks that are not cut.
 * @param {Block[]} blocks
 * @param {Group[]} groups
 * @param {number} text
 */
function scoreOf(blocks, groups, text) {
  const isWhole = (/** @type {Block} */ { group, from, room }) =>
    from === 0 && room >= groups[group].letters * text * LETTER;
  return blocks.filter(isWhole).length - blocks.filter(({ from }) => from > 0).length / 2;
}

/**
 * @typedef {{ pitch: number, name: number, rows: number, bands: number, between: number }} Bands
 *
 * The blocks from left to right, band under band; null where they have no room.
 * @param {Group[]} groups
 * @param {Box} box
 * @param {Bands} size
 * @returns {Block[] | null}
 */
function placed(groups, { width, ratio, unit }, { pitch, name, rows, bands, between }) {
  const apart = Math.max(pitch >> 1, Math.round(Math.max(6 * ratio, unit)));
  const high = name + rows * pitch + between;
  /** @type {Block[]} */
  const blocks = [];
  let band = 0,
    x = 0;
  for (const [group, { count }] of groups.entries()) {
    let from = 0;
    while (from < count) {
      const left = Math.floor((width - x) / pitch),
        wanted = Math.ceil((count - from) / rows);
      if (left < 1 || (x > 0 && wanted > left && wanted <= Math.floor(width / pitch))) {
        if ((band += 1) >= bands) return null;
        x = 0;
        continue;
      }
      const columns = Math.min(wanted, left),
        here = Math.min(columns * rows, count - from);
      const y = band * high + name;
      blocks.push({ group, from, count: here, x, y, columns, across: pitch, room: width - x });
      from += here;
      x += columns * pitch + apart;
    }
  }
  return withRooms(blocks, apart);
}

/**
 * A name has room up to the next block of its band.
 * @param {Block[]} blocks
 * @param {number} apart
 */
function withRooms(blocks, apart) {
  blocks.forEach((block, i) => {
    const next = blocks[i + 1];
    if (next?.y === block.y) block.room = next.x - block.x - apart;
  });
  return blocks;
}
