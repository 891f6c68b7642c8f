// The filter of a scale set page: by states, or by a reason, whose instances come and go.

import { idsOf } from "./reasons.js";
import { rememberFilter, view } from "./viewer.js";

/** `changed` is called when another filter counts. */
export class Filtering {
  constructor(changed) { this.changed = changed; }

  by(states, reason = "") {
    Object.assign(view.filter, { states, reason, ids: null });
    rememberFilter();
    this.changed();
  }

  toggleState(code) {
    const { states } = view.filter;
    this.by(states.includes(code) ? states.filter((one) => one !== code) : [...states, code]);
  }

  toggleReason(key) { this.by([], view.filter.reason === key ? "" : key); }

  /** Goes along with the board. Where the reason is lifted, its filter is too. */
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
