// The whole fleet as one canvas on the fleet page: a link to the instance under the pointer, or to the one that arrow keys went to.

import { t } from "./catalogue.js";
import { $, glyphAddress, write } from "./dom.js";
import { STATES } from "./faces.js";
import { byName } from "./format.js";
import { loadGlyphs } from "./glyph-paths.js";
import { MapCanvas } from "./map-canvas.js";
import { besides } from "./map-cells.js";
import { addressOf } from "./new-row.js";
import "./texts-fleet.js";

/** @import { Board } from "./board.js" */

/** @type {Record<string, { right: number, down: number }>} */
const STEPS = {
  ArrowLeft: { right: -1, down: 0 },
  ArrowRight: { right: 1, down: 0 },
  ArrowUp: { right: 0, down: -1 },
  ArrowDown: { right: 0, down: 1 },
};
const NONE = -1;

export class FleetMap {
  /** The cell that the link leads to. */
  cell = NONE;
  link = /** @type {HTMLAnchorElement} */ ($("#map"));
  tip = $("#map-tip");
  here = $("#map-here");

  /** @param {() => void} changed is called when it has to be painted again */
  constructor(changed) {
    const root = () => parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.map = new MapCanvas($("canvas", this.link), {
      sizes: () => ({ unit: root() / 2, text: root() * 0.75 }),
      changed,
    });
    this.link.addEventListener("pointermove", (event) => this.point(event));
    this.link.addEventListener("pointerdown", (event) => this.point(event));
    this.link.addEventListener("pointerleave", () => this.leave());
    this.link.addEventListener("focus", () => this.goTo(Math.max(0, this.cell)));
    this.link.addEventListener("blur", () => this.goTo(NONE));
    this.link.addEventListener("keydown", (event) => this.press(event));
    const anew = () => {
      this.map.forget();
      changed();
    };
    loadGlyphs(glyphAddress("").split("#")[0]).then(anew, () => {});
  }

  /** @param {Iterable<Board>} boards */
  paint(boards) {
    const list = [...boards].sort((a, b) => byName(a.key, b.key));
    this.map.paint(list);
    const count = this.map.codes.length;
    const label = t("map.label", { count, sets: list.length });
    const canvas = this.map.canvas;
    if (canvas.getAttribute("aria-label") !== label) canvas.setAttribute("aria-label", label);
    if (this.cell >= count) this.cell = NONE;
    this.say();
  }

  /** @param {PointerEvent} event */
  point({ clientX, clientY }) {
    const { left, top } = this.map.canvas.getBoundingClientRect();
    this.goTo(this.map.cellAt(clientX - left, clientY - top));
  }

  /** The pointer is elsewhere; what has the focus stays where it is. */
  leave() {
    if (document.activeElement !== this.link) this.goTo(NONE);
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    const { codes, layout, places } = this.map;
    const last = codes.length - 1;
    const to =
      event.key === "Home"
        ? 0
        : event.key === "End"
          ? last
          : Object.hasOwn(STEPS, event.key)
            ? besides(layout, places, this.cell, STEPS[event.key])
            : null;
    if (to === null || last < 0) return;
    event.preventDefault();
    this.goTo(to);
  }

  /** @param {number} cell */
  goTo(cell) {
    this.cell = cell;
    this.say();
  }

  /** Says which instance it is, beside it and to who listens; the link leads to it. */
  say() {
    const found = this.cell < 0 ? null : this.map.at(this.cell);
    this.tip.hidden = this.here.hidden = !found;
    if (!found) return this.link.removeAttribute("aria-label");
    const { board, instance } = found,
      set = board.scale_set;
    const words = t("map.cell", {
      name: instance.name,
      state: STATES[instance.state].word,
      set: set.name,
    });
    write(this.tip, words);
    const address = `${addressOf(set)}?open=${encodeURIComponent(instance.id)}`;
    if (this.link.getAttribute("href") !== address) this.link.setAttribute("href", address);
    if (this.link.getAttribute("aria-label") !== words) this.link.setAttribute("aria-label", words);
    this.place();
  }

  /** The frame of the cell, and its words under it, or above where there is no room to the right. */
  place() {
    const { places, layout, box, canvas } = this.map;
    const { xs, ys } = places,
      [x, y, side] = [xs[this.cell], ys[this.cell], layout.side].map((size) => size / box.ratio);
    const px = (/** @type {number} */ size) => `${Math.round(size)}px`;
    Object.assign(this.here.style, { left: px(x), top: px(y), width: px(side), height: px(side) });
    const isRight = x > canvas.clientWidth / 2;
    Object.assign(this.tip.style, {
      left: isRight ? "auto" : px(x),
      right: isRight ? px(canvas.clientWidth - x - side) : "auto",
      top: px(y + side + 6),
    });
  }
}
