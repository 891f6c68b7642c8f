// The mini-grid: every instance of a scale set as a small square on a canvas; bad ones are never dropped.

import { FILLS, STATES } from "./state.js";

// What is done, then what moves, then what is bad, then what waits: the front of an upgrade runs through the picture.
const ORDER = ["done", "verifying", "upgrading", "rolling-back", "failed", "quarantined", "rolled-back", "unhealthy", "unknown", "held", "queued", "pending", "switched-off", "opted-out"];
const BAD = new Set(["failed", "quarantined", "rolled-back", "unhealthy", "unknown"]);
const ROWS = [3, 4, 5, 6, 7, 9, 12, 18];
const CROWD = 4; // a pitch in CSS pixels up to which a few bad ones are drawn larger

/** One pitch for the whole page, so that areas can be compared: the largest scale set decides. Whole device pixels. */
export function pitchFor({ width, height }, largest) {
  const rows = ROWS.find((r) => Math.ceil(largest / r) * Math.floor(height / r) <= width) ?? ROWS.at(-1);
  return Math.max(1, Math.floor(height / rows));
}

/** All canvases of a page: measured and coloured once, not once each. */
export class Minis {
  /** `changed` is called when all of them have to be painted again. */
  constructor(changed) {
    this.changed = changed;
    this.box = null;
    this.largest = 0;
    const forget = () => { this.colours = null; changed(); };
    addEventListener("themechange", forget);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", forget);
    this.watcher = new ResizeObserver(([entry]) => this.measure(entry.contentRect));
  }

  /** Columns are equally wide: one canvas stands for all. */
  watch(canvas) {
    if (this.watched?.isConnected && this.watched.offsetParent) return;
    this.watcher.disconnect();
    this.watched = canvas;
    this.watcher.observe(canvas);
    this.measure(canvas.getBoundingClientRect());
  }

  measure({ width, height }) {
    const box = { width: Math.round(width * devicePixelRatio), height: Math.round(height * devicePixelRatio) };
    if (!box.width || (box.width === this.box?.width && box.height === this.box.height)) return;
    this.box = box;
    this.changed();
  }

  /** Says how large the largest scale set is; all are painted again where that gives another pitch. */
  fit(largest) {
    const before = this.pitch;
    this.pitch = this.box ? pitchFor(this.box, largest) : 0;
    return this.pitch !== before;
  }

  paint(canvas, counts) {
    if (!this.box || !this.pitch) return;
    this.colours ??= coloursOf(canvas);
    const pen = penOf(canvas, this.box);
    const high = Math.floor(this.box.height / this.pitch);
    const gap = this.pitch > 3 * devicePixelRatio ? Math.round(devicePixelRatio) : 0;
    const loud = this.pitch <= CROWD * devicePixelRatio ? 1 : 0;
    let at = 0;
    for (const code of ORDER) at = this.run(pen, { code, count: counts[code] ?? 0, at, high, gap, grow: loud && BAD.has(code) ? loud : 0 });
  }

  /** The cells of one state, column by column; answers where the next state begins. */
  run(pen, { code, count, at, high, gap, grow }) {
    pen.fillStyle = this.colours[STATES[code].fill];
    const side = this.pitch - gap + 2 * grow;
    for (let i = at; i < at + count; i++) pen.fillRect(Math.floor(i / high) * this.pitch - grow, (i % high) * this.pitch - grow, side, side);
    return at + count;
  }
}

function coloursOf(element) {
  const style = getComputedStyle(element);
  return Object.fromEntries(FILLS.map((fill) => [fill, style.getPropertyValue(`--${fill}`)]));
}

function penOf(canvas, { width, height }) {
  const pen = canvas.getContext("2d");
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  else pen.clearRect(0, 0, width, height);
  return pen;
}
