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
const BAD = new Set(["failed", "missing", "quarantined", "rolled-back", "unhealthy", "unknown"]);
const LARGEST = 12; // CSS pixels: a pitch that says all
const CROWD = 4; // a pitch in CSS pixels up to which a few bad ones are drawn larger

/** The largest pitch with which so many squares stand in the picture: each scale set has its own, whatever else is in the fleet. Whole device pixels. */
export function pitchFor({ width, height }, count, ratio = 1) {
  for (let pitch = Math.min(height, Math.round(LARGEST * ratio)); pitch > 1; pitch -= 1) {
    if (Math.floor(width / pitch) * Math.floor(height / pitch) >= count) return pitch;
  }
  return 1;
}

/** All canvases of a page: measured and coloured once, not once each. */
export class Minis {
  /** `changed` is called when all of them have to be painted again. */
  constructor(changed) {
    this.changed = changed;
    this.box = null;
    addEventListener("themechange", () => this.forget());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.forget());
    this.watcher = new ResizeObserver(([entry]) => this.measure(entry.contentRect));
  }

  /** The colours are others now. */
  forget() {
    this.colours = null;
    this.changed();
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
    const box = {
      width: Math.round(width * devicePixelRatio),
      height: Math.round(height * devicePixelRatio),
    };
    if (!box.width || (box.width === this.box?.width && box.height === this.box.height)) return;
    this.box = box;
    this.changed();
  }

  paint(canvas, counts) {
    if (!this.box) return;
    this.colours ??= coloursOf(canvas);
    const pen = penOf(canvas, this.box),
      ratio = devicePixelRatio;
    const pitch = pitchFor(
      this.box,
      Object.values(counts).reduce((all, n) => all + n, 0),
      ratio,
    );
    const run = {
      pitch,
      high: Math.floor(this.box.height / pitch),
      gap: pitch > 2 * ratio ? Math.round(ratio) : 0,
      loud: pitch <= CROWD * ratio ? 1 : 0,
    };
    let at = 0;
    for (const code of ORDER) at = this.run(pen, { code, count: counts[code] ?? 0, at, ...run });
  }

  /** The cells of one state, column by column; answers where the next state begins. */
  run(pen, { code, count, at, pitch, high, gap, loud }) {
    pen.fillStyle = this.colours[STATES[code].fill];
    const grow = BAD.has(code) ? loud : 0,
      side = pitch - gap + 2 * grow;
    for (let i = at; i < at + count; i++)
      pen.fillRect(Math.floor(i / high) * pitch - grow, (i % high) * pitch - grow, side, side);
    return at + count;
  }
}

function coloursOf(element) {
  const style = getComputedStyle(element);
  return Object.fromEntries(FILLS.map((fill) => [fill, style.getPropertyValue(`--${fill}`)]));
}

function penOf(canvas, { width, height }) {
  const pen = canvas.getContext("2d");
  if (canvas.width !== width || canvas.height !== height)
    [canvas.width, canvas.height] = [width, height];
  else pen.clearRect(0, 0, width, height);
  return pen;
}
