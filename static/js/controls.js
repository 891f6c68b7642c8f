// Which controls belong to the moment of a scale set, and why not the others. Pure.

import { unapproved } from "./approval.js";
import { reasonsIn } from "./reasons.js";
import { runs } from "./state.js";

const ROLLS_BACK = "It was stopped, and rolls back.";

/** {id: why it cannot be used now, "" where it can}; those that are not named do not belong here. */
export function controlsOf(board) {
  const approve = unapproved(board).length ? { approve: "" } : {};
  return { ...approve, ...(runs(board) ? running(board) : resting(board)) };
}

function running(board) {
  const { paused_by: isPaused, status, cancel_requested_by: isStopping } = board.upgrade;
  const over = status === "RollingBack" ? ROLLS_BACK : isStopping ? "It stops after this batch." : "";
  const next = can(board, "next_batch_now") ? "" : board.upgrade.batches.at(-1)?.finished_at === null ? "A batch is in flight." : "It is in no pause between two batches.";
  return { [isPaused ? "resume" : "pause"]: over, next: over || next, cancel: status === "RollingBack" ? ROLLS_BACK : isStopping ? "It was asked for already." : "" };
}

function resting(board) {
  const latest = board.scale_set.wanted_version;
  const hasFailed = latest && board.instances.some((one) => one.failed_version === latest);
  return {
    start: "",
    retry: can(board, "retry_now") ? "" : "Nothing waits to be tried again.",
    extensions: board.scale_set.extensions?.length ? "" : "Its model has no extensions.",
    failed: hasFailed ? "" : latest ? `No instance failed on ${latest}.` : "No version is published.",
  };
}

const can = (board, act) => reasonsIn(board).some((one) => one.act === act);
