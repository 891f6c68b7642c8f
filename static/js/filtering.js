// The filter of a scale set page: by states or healths, by a reason, whose instances come and go, or of certain instances.

import { $ } from "./dom.js";
import { idsIn } from "./ranges.js";
import { idsOf } from "./reasons.js";
import { remember, view } from "./viewer.js";

/**
 * @import { Board } from "./board.js"
 * @import { Filter } from "./view.js"
 */

/** `changed` is called when another filter counts. */
export class Filtering {
  /** @param {() => void} changed */
  constructor(changed) {
    this.changed = changed;
  }

  /** @param {string[]} states */
  by(states, reason = "", only = "") {
    Object.assign(view.filter, { states, reason, only, ids: only ? new Set(idsIn(only)) : null });
    remember();
    this.changed();
  }

  /**
   * Typed, letter by letter.
   * @param {string} words
   */
  text(words) {
    view.filter.text = words;
    remember({ step: false });
    this.changed();
  }

  clear() {
    view.filter.text = $("#find").value = "";
    this.by([]);
  }

  /** @param {string} code */
  toggleState(code) {
    const { states } = view.filter;
    this.by(states.includes(code) ? states.filter((state) => state !== code) : [...states, code]);
  }

  /** @param {string} key */
  toggleReason(key) {
    this.by([], view.filter.reason === key ? "" : key);
  }

  /** @param {string} only */
  toggleOnly(only) {
    this.by([], "", view.filter.only === only ? "" : only);
  }

  /**
   * Goes along with the board. Where the reason is lifted, its filter is too.
   * @param {Board} board
   */
  follow(board) {
    const { reason, ids } = view.filter;
    if (!reason) return;
    const now = idsOf(board, reason);
    if (!now) return this.by([]);
    if (ids && [...now].join() === [...ids].join()) return;
    view.filter.ids = now;
    this.changed();
  }
}

/** @param {Filter} filter */
export const isFiltered = ({ states, text, reason, only }) =>
  Boolean(states.length || text.trim() || reason || only);
