// The rows of the fleet page in their order. Rows that are out of sight are painted when they come into it.

import { $, $$ } from "./dom.js";
import { isPicked } from "./fleet-counts.js";
import { byName } from "./format.js";
import { newRow, paintRow } from "./rows.js";

/**
 * @import { Board } from "./board.js"
 * @import { Counted } from "./fleet-counts.js"
 * @import { Minis } from "./mini.js"
 * @import { Headline } from "./summary.js"
 */

const AT_FIRST = 20; // rows that are painted before anybody knows which are in sight
const LAST = 3; // the class of a scale set of which nothing has come

export class FleetRows {
  /**
   * `changed` is called when other rows are in sight.
   * @param {HTMLElement} body
   * @param {() => void} changed
   */
  constructor(body, changed) {
    this.body = body;
    this.changed = changed;
    /** The keys in their order, and which of them are shown, as a text; "" where that is to be made anew. */
    this.order = "";
    /** @type {Map<string, HTMLElement>} */
    this.rows = new Map($$("tr", body).map((row) => [row.dataset.key ?? "", row]));
    /** @type {Set<string>} */
    this.inSight = new Set();
    this.watcher = new IntersectionObserver((entries) => this.see(entries), { rootMargin: "50%" });
    for (const row of this.rows.values()) this.watcher.observe(row);
  }

  /** @param {IntersectionObserverEntry[]} entries */
  see(entries) {
    for (const { target, isIntersecting } of entries) {
      const key = /** @type {HTMLElement} */ (target).dataset.key ?? "";
      if (isIntersecting) this.inSight.add(key);
      else this.inSight.delete(key);
    }
    this.changed();
  }

  /** The first rows are taken to be in sight. */
  seeFirst() {
    const first = $$("tr", this.body).slice(0, AT_FIRST);
    for (const { dataset } of first) this.inSight.add(dataset.key ?? "");
  }

  /**
   * @param {string} key
   * @param {Board} board
   */
  add(key, board) {
    const row = newRow(board);
    this.rows.set(key, row);
    this.body.append(row);
    this.watcher.observe(row);
  }

  /** @param {string} key */
  forget(key) {
    this.inSight.delete(key);
    this.rows.get(key)?.remove();
    this.rows.delete(key);
    this.order = "";
  }

  /**
   * Rows of one class keep their order, and nothing moves under the pointer or the focus. Answers how many are shown; null where nothing
   * moved.
   * @param {Map<string, Counted>} fleet
   * @param {Headline | ""} only
   */
  place(fleet, only) {
    for (const [key, { board }] of fleet) if (!this.rows.has(key)) this.add(key, board);
    if (this.order && this.body.matches(":hover, :focus-within")) return null;
    const rankOf = (/** @type {string} */ key) => fleet.get(key)?.rank ?? LAST;
    const keys = [...this.rows.keys()].sort((a, b) => rankOf(a) - rankOf(b) || byName(a, b));
    const shown = new Set(keys.filter((key) => isPicked(fleet.get(key), only)));
    const order = keys.map((key) => `${key} ${shown.has(key)}`).join();
    if (order === this.order) return null;
    this.order = order;
    this.arrange(keys, shown);
    return shown.size;
  }

  /**
   * @param {string[]} keys
   * @param {Set<string>} shown
   */
  arrange(keys, shown) {
    const { children } = this.body;
    keys.forEach((key, i) => {
      const row = /** @type {HTMLElement} */ (this.rows.get(key));
      if (children[i] !== row) this.body.insertBefore(row, children[i] ?? null);
      row.hidden = !shown.has(key);
    });
  }

  /**
   * Paints the rows in sight, or `all`, that show something else than is known now.
   * @param {Map<string, Counted>} fleet
   * @param {Minis} minis
   */
  paint(fleet, minis, { all = false }) {
    const canvases = [...this.inSight].map((key) => this.canvasOf(key));
    const shown = canvases.find((canvas) => canvas && !canvas.hidden);
    if (shown) minis.watch(shown);
    for (const [key, entry] of fleet) {
      const row = this.rows.get(key);
      if (!row || entry.isPainted || !(all || this.inSight.has(key))) continue;
      paintRow(row, entry.board, entry.sum, minis);
      entry.isPainted = true;
    }
  }

  /** @param {string} key */
  canvasOf(key) {
    const row = this.rows.get(key);
    return row && $("canvas", row);
  }
}
