// The instances of some scale sets on one canvas, as large as they can be, for the wall and for the fleet page.

import { MapPainter, numberOf } from "./map-painter.js";
import { layoutOf } from "./map-layout.js";
import { cellAt, placesOf } from "./map-cells.js";

/**
 * @import { Board } from "./board.js"
 * @import { Layout, Box } from "./map-layout.js"
 * @import { Places } from "./map-cells.js"
 */

const NO_LAYOUT = { pitch: 1, side: 1, name: 0, blocks: [] };

export class MapCanvas {
  /** @type {Board[]} */
  boards = [];
  codes = new Uint8Array(0);
  /** What the layout was made for. */
  made = "";
  /** @type {Layout} */
  layout = NO_LAYOUT;
  /** @type {Places} */
  places = { xs: new Int32Array(0), ys: new Int32Array(0), starts: [] };
  /** @type {Box} */
  box = { width: 0, height: 0, ratio: 1, unit: 1, text: 0 };

  /**
   * `sizes`: in CSS pixels, see Box; `changed` is called when it has to be painted again.
   * @param {HTMLCanvasElement} canvas
   * @param {{ sizes: () => { unit: number, text: number }, changed: () => void }} wanted
   */
  constructor(canvas, { sizes, changed }) {
    this.canvas = canvas;
    this.sizes = sizes;
    this.painter = new MapPainter(canvas);
    this.watcher = new ResizeObserver(() => {
      this.measure();
      changed();
    });
    this.watcher.observe(canvas);
    addEventListener("themechange", changed);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
    this.measure();
  }

  measure() {
    const { width, height } = this.canvas.getBoundingClientRect(),
      ratio = devicePixelRatio,
      { unit, text } = this.sizes();
    this.box = {
      width: Math.round(width * ratio),
      height: Math.round(height * ratio),
      ratio,
      unit: unit * ratio,
      text: Math.round(text * ratio),
    };
  }

  /** All of it is painted anew next time: another theme, or signs that came later. */
  forget() {
    this.painter.forget();
  }

  /**
   * Paints what differs from what it shows. Answers how many cells.
   * @param {Board[]} boards
   */
  paint(boards) {
    const before = this.boards;
    this.boards = boards;
    const isAnew = this.place();
    boards.forEach((board, i) => {
      if (isAnew || before[i] !== board) this.read(board, i);
    });
    return this.painter.paint({
      layout: this.layout,
      places: this.places,
      box: this.box,
      codes: this.codes,
      names: boards.map(({ scale_set: set }) => set.name),
      labelOf: (cell) => this.at(cell)?.instance.id ?? "",
    });
  }

  /** Where all stand, made anew where that may be another place. */
  place() {
    const counts = this.boards.map(({ instances }) => instances.length);
    const made = [
      ...this.boards.map(({ key }, i) => `${key} ${counts[i]}`),
      ...Object.values(this.box),
    ].join();
    if (made === this.made) return false;
    this.made = made;
    const groups = this.boards.map(({ scale_set: { name } }, i) => ({
      count: counts[i],
      letters: name.length,
    }));
    this.layout = layoutOf(groups, this.box);
    this.places = placesOf(this.layout, counts);
    this.codes = new Uint8Array(this.places.xs.length);
    return true;
  }

  /**
   * @param {Board} board
   * @param {number} group
   */
  read({ instances }, group) {
    const start = this.places.starts[group];
    for (let i = 0; i < instances.length; i += 1)
      this.codes[start + i] = numberOf(instances[i].state);
  }

  /**
   * The instance of a cell; null where there is none.
   * @param {number} cell
   */
  at(cell) {
    const { starts } = this.places;
    let group = starts.length - 1;
    while (group > 0 && starts[group] > cell) group -= 1;
    const board = this.boards[group],
      instance = board?.instances[cell - starts[group]];
    return instance ? { board, instance } : null;
  }

  /**
   * The cell at a place of the canvas, in CSS pixels; -1 where there is none.
   * @param {number} x
   * @param {number} y
   */
  cellAt(x, y) {
    const found = cellAt(this.layout, x * this.box.ratio, y * this.box.ratio);
    return found ? this.places.starts[found.group] + found.place : -1;
  }
}
