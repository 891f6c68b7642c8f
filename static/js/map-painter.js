// Any number of instances on one canvas: six fills, glyphs where there is room, and only what changed is painted.

import { FILLS, STATES, WORST_FIRST } from "./faces.js";
import { detailOf } from "./map-layout.js";
import { drawLabel, drawSign, fontOf, hatch, shortened } from "./map-marks.js";

/**
 * @import { Layout, Box } from "./map-layout.js"
 * @import { Places } from "./map-cells.js"
 *
 * What is to be seen: the state of each cell as its place in CODES, their names, the names of the groups.
 * @typedef {{ layout: Layout, places: Places, box: Box, codes: Uint8Array, labelOf: (cell: number) => string, names: string[] }} Picture
 */

export const CODES = Object.keys(STATES);
const FACES = CODES.map((code) => ({ glyph: code, ...STATES[code], code }));
const NUMBER_OF = new Map(CODES.map((code, i) => [code, i]));
const UNSEEN = NUMBER_OF.get("unseen") ?? 0;
/** The place of a state in CODES. @param {string} code */
export const numberOf = (code) => NUMBER_OF.get(code) ?? UNSEEN;

const LOUD = new Set(
  ["failed", "missing", "quarantined", "rolled-back", "unhealthy"].map(numberOf),
);
const LOUD_LAST = CODES.map((code) => WORST_FIRST.indexOf(code));
const HATCHED = new Set(["unknown", "unseen"].map(numberOf));
/** Drawn a little smaller: what moves or needs a person is larger by its form too. */
const QUIET = new Set(["done", "pending", "switched-off", "opted-out"].map(numberOf));
const NEVER = 255;
const CROWD = 2.2; // units: the side of cells among which a bad one would be lost
const FEW = 20; // so many times more cells than bad ones, within a group
const COLOURS = [...FILLS, ...FILLS.map((fill) => `on-${fill}`), "page", "ink", "ink-2"];

export class MapPainter {
  /** What each cell shows now. */
  shown = new Uint8Array(0);
  /** @type {Picture | null} */
  last = null;
  /** @type {Set<number>} the cells that are drawn larger */
  loud = new Set();
  /** @type {Record<string, string> | null} */
  colours = null;
  font = "";

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    addEventListener("themechange", () => this.forget());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.forget());
  }

  /** All of it is painted anew next time. */
  forget() {
    this.colours = null;
    this.last = null;
  }

  /**
   * Answers how many cells were painted.
   * @param {Picture} picture
   */
  paint(picture) {
    const { layout, codes } = picture;
    if (this.last?.layout !== layout || this.shown.length !== codes.length) this.begin(picture);
    this.last = picture;
    const loud = loudIn(picture),
      isQuieter = [...this.loud].some(
        (cell) => !loud.has(cell) || this.shown[cell] !== codes[cell],
      );
    if (isQuieter) this.begin(picture);
    this.loud = loud;
    let painted = 0;
    for (let cell = 0; cell < codes.length; cell += 1) {
      if (this.shown[cell] === codes[cell]) continue;
      this.shown[cell] = codes[cell];
      this.draw(cell, picture);
      painted += 1;
    }
    if (painted) for (const cell of loud) this.shout(cell, picture);
    return painted;
  }

  /** @param {Picture} picture */
  begin(picture) {
    const { box, codes, layout, names } = picture;
    this.colours ??= coloursOf(this.canvas);
    this.font = getComputedStyle(this.canvas).fontFamily;
    const width = Math.max(1, box.width),
      height = Math.max(1, box.height);
    if (this.canvas.width !== width || this.canvas.height !== height)
      [this.canvas.width, this.canvas.height] = [width, height];
    else this.pen.clearRect(0, 0, width, height);
    if (this.shown.length !== codes.length) this.shown = new Uint8Array(codes.length);
    this.shown.fill(NEVER);
    if (layout.name) this.write(names, picture);
  }

  /**
   * The names of the groups, each above its block, as long as it has room.
   * @param {string[]} names
   * @param {Picture} picture
   */
  write(names, { layout, box }) {
    const { pen } = this;
    pen.font = fontOf(500, box.text, this.font);
    pen.textAlign = "left";
    pen.textBaseline = "alphabetic";
    pen.fillStyle = this.colour("ink-2");
    for (const { group, from, x, y, room } of layout.blocks)
      if (from === 0) pen.fillText(shortened(pen, names[group], room), x, y - box.text * 0.45);
  }

  /** @param {string} name */
  colour(name) {
    return this.colours?.[name] ?? "";
  }

  /**
   * @param {number} cell
   * @param {Picture} picture
   */
  draw(cell, { layout: { side }, places: { xs, ys }, codes, box, labelOf }) {
    const { pen } = this,
      code = codes[cell],
      { fill, glyph } = FACES[code],
      x = xs[cell],
      y = ys[cell];
    const inset =
      QUIET.has(code) && side >= 10 * box.ratio
        ? Math.round(Math.min(side * 0.07, Math.max(2, 0.4 * box.unit)))
        : 0;
    if (inset) pen.clearRect(x, y, side, side);
    pen.fillStyle = this.colour(fill);
    pen.fillRect(x + inset, y + inset, side - 2 * inset, side - 2 * inset);
    pen.strokeStyle = this.colour("page");
    if (HATCHED.has(code)) hatch(pen, { x, y, side });
    const detail = detailOf(side, box);
    pen.fillStyle = pen.strokeStyle = this.colour(HATCHED.has(code) ? "ink" : `on-${fill}`);
    if (detail.glyph) drawSign(pen, glyph, { x, y, side, isHigh: detail.label });
    if (detail.label) drawLabel(pen, labelOf(cell), { x, y, side, font: this.font });
  }

  /**
   * In a crowd of small cells the few bad ones are drawn last and twice as large, with a rim, so that none is lost.
   * @param {number} cell
   * @param {Picture} picture
   */
  shout(cell, { layout: { side }, places: { xs, ys }, codes, box }) {
    const { pen } = this,
      { fill, glyph } = FACES[codes[cell]],
      size = Math.max(side * 2, Math.round(7 * box.ratio)),
      rim = Math.max(1, Math.round(box.ratio));
    const inside = (/** @type {number} */ at, /** @type {number} */ end) =>
      Math.round(Math.min(Math.max(2 * rim, at + side / 2 - size / 2), end - size - 2 * rim));
    const x = inside(xs[cell], box.width),
      y = inside(ys[cell], box.height);
    for (const [name, grow] of /** @type {const} */ ([
      ["page", 2],
      ["ink", 1],
      [fill, 0],
    ])) {
      pen.fillStyle = this.colour(name);
      pen.fillRect(x - grow * rim, y - grow * rim, size + 2 * grow * rim, size + 2 * grow * rim);
    }
    pen.strokeStyle = this.colour(`on-${fill}`);
    if (size >= 11 * box.ratio) drawSign(pen, glyph, { x, y, side: size, isHigh: false });
  }
}

/**
 * The bad cells that would be lost among the others: small ones, and few in their group. The worst come last, and are drawn above all.
 * @param {Picture} picture
 */
function loudIn({ layout: { side }, places: { starts }, codes, box }) {
  /** @type {number[]} */
  const found = [];
  if (side >= CROWD * box.unit) return new Set(found);
  starts.forEach((start, group) => {
    const end = starts[group + 1] ?? codes.length,
      before = found.length;
    for (let cell = start; cell < end; cell += 1) if (LOUD.has(codes[cell])) found.push(cell);
    if ((found.length - before) * FEW > end - start) found.length = before;
  });
  return new Set(found.sort((a, b) => LOUD_LAST[codes[b]] - LOUD_LAST[codes[a]]));
}

/**
 * @param {Element} element
 * @returns {Record<string, string>}
 */
function coloursOf(element) {
  const style = getComputedStyle(element);
  return Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`)]));
}
