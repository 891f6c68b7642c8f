// The mini-grid: every instance of a scale set as a small square on a canvas; bad ones are never dropped.

import { FILLS, STATES } from "./faces.js";

// What is done, then what moves, then what is bad, then what waits: the front of an upgrade runs through the picture.
const ORDER = [
  "done",
  "verifying",
  "upgrading",
  "creating",
  "deleting",
  "rolling-back",
  "failed",
  "missing",
  "quarantined",
  "rolled-back",
  "unhealthy",
  "unknown",
  "held",
  "queued",
  "pending",
  "unseen",
  "switched-off",
  "opted-out",
];
/**
 * In device pixels.
 * @typedef {{ width: number, height: number }} Size
 *
 * How the cells of a canvas are drawn: the side of a square with its gap, how many stand above each other, how much larger bad ones are.
 * @typedef {{ pitch: number, high: number, gap: number, loud: number }} Measures
 */

const BAD = new Set(["failed", "missing", "quarantined", "rolled-back", "unhealthy", "unknown"]);
const LARGEST = 12; // CSS pixels: a pitch that says all
const CROWD = 4; // a pitch in CSS pixels up to which a few bad ones are drawn larger

/**
 * The largest pitch with which so many squares stand in the picture: each scale set has its own, whatever else is in the fleet. Whole device pixels.
 * @param {Size} size
 * @param {number} count
 * @param {number} ratio
 */
export function pitchFor({ width, height }, count, ratio = 1) {
  for (let pitch = Math.min(height, Math.round(LARGEST * ratio)); pitch > 1; pitch -= 1) {
    if (Math.floor(width / pitch) * Math.floor(height / pitch) >= count) return pitch;
  }
  return 1;
}

/** All canvases of a page: measured and coloured once, not once each. */
export class Minis {
  /** @type {Size | null} */
  box = null;
  /** The colour of each fill; null where they are others now. @type {Record<string, string> | null} */
  colours = null;
  /** The canvas that stands for all. @type {HTMLCanvasElement | undefined} */
  watched = undefined;

  /**
   * `changed` is called when all of them have to be painted again.
   * @param {() => void} changed
   */
  constructor(changed) {
    this.changed = changed;
    addEventListener("themechange", () => this.forget());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.forget());
    this.watcher = new ResizeObserver(([entry]) => this.measure(entry.contentRect));
  }

  /** The colours are others now. */
  forget() {
    this.colours = null;
    this.changed();
  }

  /**
   * Columns are equally wide: one canvas stands for all.
   * @param {HTMLCanvasElement} canvas
   */
  watch(canvas) {
    if (this.watched?.isConnected && this.watched.offsetParent) return;
    this.watcher.disconnect();
    this.watched = canvas;
    this.watcher.observe(canvas);
    this.measure(canvas.getBoundingClientRect());
  }

  /** @param {Size} size */
  measure({ width, height }) {
    const box = {
      width: Math.round(width * devicePixelRatio),
      height: Math.round(height * devicePixelRatio),
    };
    if (!box.width || (box.width === this.box?.width && box.height === this.box.height)) return;
    this.box = box;
    this.changed();
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Record<string, number>} counts
   */
  paint(canvas, counts) {
    if (!this.box) return;
    this.colours ??= coloursOf(canvas);
    const pen = penOf(canvas, this.box),
      total = Object.values(counts).reduce((all, n) => all + n, 0);
    const measures = measuresFor(this.box, total, devicePixelRatio);
    let at = 0;
    for (const code of ORDER) {
      const count = counts[code] ?? 0;
      pen.fillStyle = this.colours[STATES[code].fill];
      drawSquares(pen, { from: at, to: at + count, isBad: BAD.has(code) }, measures);
      at += count;
    }
  }
}

/**
 * @param {Size} box
 * @param {number} count
 * @param {number} ratio device pixels per CSS pixel
 * @returns {Measures}
 */
function measuresFor(box, count, ratio) {
  const pitch = pitchFor(box, count, ratio);
  return {
    pitch,
    high: Math.floor(box.height / pitch),
    gap: pitch > 2 * ratio ? Math.round(ratio) : 0,
    loud: pitch <= CROWD * ratio ? 1 : 0,
  };
}

/**
 * The squares of one state, column by column.
 * @param {CanvasRenderingContext2D} pen
 * @param {{ from: number, to: number, isBad: boolean }} places
 * @param {Measures} measures
 */
function drawSquares(pen, { from, to, isBad }, { pitch, high, gap, loud }) {
  const grow = isBad ? loud : 0,
    side = pitch - gap + 2 * grow;
  for (let i = from; i < to; i++)
    pen.fillRect(Math.floor(i / high) * pitch - grow, (i % high) * pitch - grow, side, side);
}

/**
 * @param {Element} element
 * @returns {Record<string, string>}
 */
function coloursOf(element) {
  const style = getComputedStyle(element);
  return Object.fromEntries(FILLS.map((fill) => [fill, style.getPropertyValue(`--${fill}`)]));
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Size} size
 */
function penOf(canvas, { width, height }) {
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  if (canvas.width !== width || canvas.height !== height)
    [canvas.width, canvas.height] = [width, height];
  else pen.clearRect(0, 0, width, height);
  return pen;
}
