// The rail: one segment for each batch, as wide as the batch is large. Markup of what the board, or the record, says.

import { countIn, countFailed } from "./batches.js";
import { runs } from "./board.js";
import { t } from "./catalogue.js";
import { html } from "./dom.js";
import { aboutAt, number, timeAt } from "./format.js";
import { idsIn } from "./ranges.js";

/**
 * @import { Batch } from "./batches.js"
 * @import { Board } from "./board.js"
 */

/**
 * @param {Board} board
 * @param {Batch[]} batches
 */
export function rail(board, batches) {
  if (!batches.length) return html`<ol>${rest(1, t("rail.none"))}</ol>`;
  return html`<ol>${batches.map((batch) => segment(batch, board))}${furtherBatches(board)}${notTried(board)}</ol>`;
}

/**
 * Batches that are planned behind those that are told one by one.
 * @param {Board} board
 */
function furtherBatches(board) {
  const more = runs(board) ? board.figures.planned_more : 0;
  return more ? rest(more, t("confirm.batches", { count: more })) : "";
}

/**
 * What an upgrade that ended early left as it was.
 * @param {Board} board
 */
function notTried({ upgrade }) {
  const left = upgrade?.record?.left;
  return left ? rest(left, t("rail.not_tried", { count: left })) : "";
}

/**
 * @param {number} size
 * @param {string} words
 */
const rest = (size, words) =>
  html`<li class="rest" data-vars="size:${size}"><span class="track"><span>${words}</span></span></li>`;

/**
 * @param {Batch} batch
 * @param {Board} board
 */
const isNow = (batch, board) => runs(board) && !batch.planned && !batch.ended;

/**
 * @param {Batch} batch
 * @param {Board} board
 */
function segment(batch, board) {
  const shares = sharesOf(batch, board),
    says = wordsOf(batch, board);
  const kind = isNow(batch, board) ? "is-now" : batch.planned ? "" : "is-done";
  const start = batch.began ? `${batch.planned ? "≈ " : ""}${timeAt(batch.began)}` : "";
  return html`<li data-vars="size:${Math.max(1, batch.size)}"><button type="button" class="batch ${kind}" data-act="batch"
    data-key="${batch.number}" title="${batch.why}"><span class="sr">${says}</span>
    <span class="track" aria-hidden="true"><i data-fill="active" data-vars="share:${shares.reached}%"></i><i
      data-fill="done" data-vars="share:${shares.done}%"></i>${strip("attention", shares.bad)}${strip("failure", shares.failed)}<b>${
        batch.number
      }</b><span>${number(batch.size)}</span></span>
    <span class="foot" aria-hidden="true">${start}</span></button></li>`;
}

/**
 * In percent of the batch. Who is ill now is told of a running upgrade only: what is over stays as it was.
 * @param {Batch} batch
 * @param {Board} board
 */
function sharesOf(batch, board) {
  const share = (/** @type {number} */ count) => (batch.size ? (100 * count) / batch.size : 0);
  const done = countIn(batch, "succeeded"),
    failed = countFailed(batch);
  const ill = runs(board) ? illIn(batch, board) : 0;
  return {
    done: share(done),
    failed: share(failed),
    bad: share(failed + ill),
    reached: share(done + countIn(batch, "upgrading", "verifying")),
  };
}

/**
 * @param {Batch} batch
 * @param {Board} board
 */
function illIn(batch, { figures: { states } }) {
  const mine = new Set(idsIn(batch.instances));
  return idsIn(states.unhealthy ?? "").filter((id) => mine.has(id)).length;
}

/**
 * @param {string} fill
 * @param {number} share
 */
const strip = (fill, share) =>
  share ? html`<i class="bad" data-fill="${fill}" data-vars="share:${share}%"></i>` : "";

/**
 * @param {Batch} batch
 * @param {Board} board
 */
function wordsOf(batch, board) {
  const { number, size, why } = batch;
  return t("rail.batch", { number, size, why, says: progressOf(batch, board) });
}

/**
 * @param {Batch} batch
 * @param {Board} board
 */
function progressOf(batch, board) {
  const { size, began, planned } = batch;
  const at = began ? aboutAt(began) : "",
    done = countIn(batch, "succeeded");
  if (isNow(batch, board)) return t("rail.running", { done, size });
  return planned ? t("rail.planned", { at }) : t("rail.began", { at, done, size });
}
