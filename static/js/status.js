// The state of an upgrade in one word. Pure.

/** @import { Board } from "./board.js" */

/** @type {Record<Feed.Upgrade["status"], { fill: string, glyph: string, word: string }>} */
const ENDED_OR_RUNS = {
  Completed: { fill: "done", glyph: "done", word: "Completed" },
  Cancelled: { fill: "waiting", glyph: "held", word: "Cancelled" },
  Faulted: { fill: "failure", glyph: "failed", word: "Stopped" },
  RollingForward: { fill: "active", glyph: "upgrading", word: "Rolling forward" },
  RollingBack: { fill: "attention", glyph: "rolling-back", word: "Rolling back" },
};

/** @param {Pick<Board, "upgrade" | "scale_set">} board */
export function statusOf({ upgrade, scale_set: { decision } }) {
  if (!upgrade) return { fill: "waiting", glyph: "pending", word: "Never upgraded" };
  const waits = upgrade.cancel_requested_by ? "Cancelling" : decision.word;
  const word = upgrade.status === "RollingForward" && waits;
  return word ? { fill: "waiting", glyph: "held", word } : ENDED_OR_RUNS[upgrade.status];
}
