// Which of the controls can be used, and why not the others: as the server says (the feed's `actions`). Pure.

import { t } from "./catalogue.js";

/** @import { Board } from "./board.js" */

/**
 * id of the control -> action. Each has its own place, whatever the moment.
 * @type {Record<string, string>}
 */
export const CONTROLS = {
  approve: "approve",
  start: "start",
  pause: "pause",
  resume: "resume",
  cancel: "cancel",
  next: "next_batch_now",
  retry: "retry_now",
  failed: "retry_failed",
  extensions: "start_extensions",
};

const NOT_KNOWN = t("instance.unseen");

/**
 * Why this cannot be done now, "" where it can.
 * @param {Board} board
 * @param {string} action
 */
export const whyNotNow = (board, action) => {
  const known = board.scale_set.decision.actions?.[action];
  return known ? known.why : NOT_KNOWN;
};

/**
 * {id of the control: why it cannot be used now, "" where it can}: all of them, always.
 * @param {Board} board
 * @returns {Record<string, string>}
 */
export const controlsOf = (board) =>
  Object.fromEntries(
    Object.entries(CONTROLS).map(([id, action]) => [id, whyNotNow(board, action)]),
  );

const FITTING = ["resume", "approve", "start"];

/**
 * The one that fits the moment, which stands out; "" for none.
 * @param {Record<string, string>} controls
 */
export const mainOf = (controls) => FITTING.find((id) => !controls[id]) ?? "";
