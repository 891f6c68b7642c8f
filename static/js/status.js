// The state of an upgrade in one word. Pure.

import { t } from "./catalogue.js";

/**
 * @import { Board } from "./board.js"
 *
 * `goesOn`: it rolls forward, and nothing holds it.
 * @typedef {{ fill: string, glyph: string, word: string, goesOn?: boolean }} Status
 */

/** @type {Record<Feed.Upgrade["status"], Status>} */
const ENDED_OR_RUNS = {
  Completed: { fill: "done", glyph: "done", word: t("status.completed") },
  Cancelled: { fill: "waiting", glyph: "held", word: t("status.cancelled") },
  Faulted: { fill: "failure", glyph: "failed", word: t("status.faulted") },
  RollingForward: {
    fill: "active",
    glyph: "upgrading",
    word: t("status.rolling_forward"),
    goesOn: true,
  },
  RollingBack: { fill: "attention", glyph: "rolling-back", word: t("status.rolling_back") },
};

/**
 * @param {Pick<Board, "upgrade" | "scale_set">} board
 * @returns {Status}
 */
export function statusOf({ upgrade, scale_set: { decision } }) {
  if (!upgrade) return { fill: "waiting", glyph: "pending", word: t("status.never") };
  const waits = upgrade.cancel_requested_by ? t("status.cancelling") : decision.word;
  const word = upgrade.status === "RollingForward" && waits;
  return word ? { fill: "waiting", glyph: "held", word } : ENDED_OR_RUNS[upgrade.status];
}
