// The rows of the fleet page: one per scale set, written by parts, so that a switch keeps its focus while numbers move.

import { batchesOf, countFailed } from "./batches.js";
import { t } from "./catalogue.js";
import { $, html, mark, show } from "./dom.js";
import { aboutAt, momentAt, number, percentText } from "./format.js";
import { briefly, reasonsIn } from "./reasons.js";
import { runs, policyOf } from "./board.js";
import { ahead, span } from "./spans.js";
import { statusOf } from "./status.js";
import { countsOf } from "./steps.js";
import { inWords } from "./summary.js";
import { versionsIn } from "./versions.js";
import "./texts-fleet.js";

/**
 * @import { Batch } from "./batches.js"
 * @import { Board } from "./board.js"
 * @import { Minis } from "./mini.js"
 * @import { Status } from "./status.js"
 * @import { Summary } from "./summary.js"
 */

export { addressOf, newRow } from "./new-row.js";

/**
 * @param {HTMLElement} row
 * @param {Board} board
 * @param {Summary} sum
 * @param {Minis} minis
 */
export function paintRow(row, board, sum, minis) {
  const { scale_set: set } = board;
  show($(".image", row), image(set, sum));
  paintCells(row, board, sum, minis);
  show($(".n", row), share(sum));
  show($(".run", row), runs(board) ? progress(board) : lastOrReason(board, sum));
  show($(".policy", row), policy(policyOf(board)));
  paintSwitch($(".switch", row), set.automatic_upgrade);
}

/**
 * @param {Feed.ScaleSet} set
 * @param {Summary} sum
 */
function image({ image: { offer, sku, version }, wanted_version: wanted }, sum) {
  const versions = versionsIn(sum, wanted);
  const says = version === "latest" ? versions : t("row.pinned", { versions });
  return html`<span title="${offer} ${sku}">${offer} ${sku}</span><span class="small quiet">${says}</span>`;
}

/** @param {Summary} sum */
function share({ size, done, eligible, out }) {
  if (!size) return html`<span>–</span>`;
  const less = out ? t("row.opted_out", { count: out }) : "";
  return html`<span>${number(done)} / ${number(eligible)}</span><span class="small quiet">${less}</span>`;
}

/**
 * @param {HTMLElement} row
 * @param {Board} board
 * @param {Summary} sum
 * @param {Minis} minis
 */
function paintCells(row, { scale_set: set }, sum, minis) {
  const canvas = $("canvas", row),
    none = $(".none", row);
  canvas.hidden = !sum.shown;
  none.hidden = Boolean(sum.shown);
  if (!sum.shown)
    return void (none.textContent = set.capacity
      ? t("row.creating", { count: set.capacity })
      : t("row.no_instances"));
  const words = `${set.name}, ${inWords(sum)}`;
  if (canvas.getAttribute("aria-label") !== words) {
    canvas.setAttribute("aria-label", words);
    canvas.title = inWords(sum);
  }
  minis.paint(canvas, sum.counts);
}

/**
 * @param {HTMLElement} control
 * @param {boolean} on
 */
function paintSwitch(control, on) {
  if (control.getAttribute("aria-checked") === String(on) && $(".word", control).textContent)
    return;
  control.setAttribute("aria-checked", String(on));
  control.removeAttribute("aria-busy");
  $(".word", control).textContent = on ? t("row.on") : t("row.off");
}

/**
 * Batches as ticks: done, running, to come.
 * @param {Board & { upgrade: Feed.Upgrade }} board
 */
function progress(board) {
  const { batch } = board.figures,
    status = statusOf(board),
    batches = batchesOf(board);
  const ticks = batches.map((each) => html`<i ${fillOf(each, status.fill)}></i>`);
  return html`<span class="line"><span>${mark(status.fill, status.glyph)} ${placeOf(batch, status)}</span>
    <span class="small quiet">${expectedEnd(board)}</span></span>
    <span class="ticks${batches.length > 24 ? " many" : ""}" role="img" aria-label="${placeOf(batch)}">${ticks}</span>`;
}

/**
 * At which batch it is; where it does not simply go on, the word for that before it.
 * @param {Board["figures"]["batch"]} batch
 * @param {Status} [status]
 */
function placeOf(batch, status) {
  const word = status?.goesOn ? "" : status?.word;
  if (!batch) return t("row.starting", { word });
  return t("row.place", { word, current: batch.current, of: batch.of });
}

/**
 * @param {Batch} batch
 * @param {string} running
 */
function fillOf(batch, running) {
  if (batch.planned) return "";
  return html`data-fill="${countFailed(batch) ? "failure" : batch.ended ? "done" : running}"`;
}

/** @param {Board & { upgrade: Feed.Upgrade }} board */
function expectedEnd(board) {
  const pause = reasonsIn(board).find((reason) => reason.expected && reason.passes);
  if (pause) return briefly(pause);
  const { ends } = board.figures;
  if (ends) return t("row.ends", { when: ahead(ends) });
  return t("row.since", { when: aboutAt(board.upgrade.started_at) });
}

/**
 * How the last upgrade went; under it, what keeps the next from beginning.
 * @param {Board} board
 * @param {Summary} sum
 */
function lastOrReason(board, sum) {
  const { upgrade, scale_set: set } = board;
  if (set.deleting)
    return html`<span class="line"><span>${mark("active", "rolling-back")} ${t("row.deleting")}</span></span>`;
  const why = whyWaiting(board, sum),
    text = why?.text || (upgrade ? countsOf(upgrade) : "");
  return html`${lastUpgrade(upgrade, statusOf(board))}<span class="small quiet" title="${why?.whole ?? text}">${text}</span>`;
}

/**
 * @param {Feed.Upgrade | null} upgrade
 * @param {Status} status
 */
function lastUpgrade(upgrade, { fill, glyph, word }) {
  if (!upgrade) return html`<span class="line quiet">${word}</span>`;
  return html`<span class="line"><span>${mark(fill, glyph)} ${word}</span>
    <span class="small quiet">${momentAt(upgrade.ended_at)}</span></span>`;
}

/**
 * The weightiest reason, in few words: the row's title has its sentence.
 * @param {Board} board
 * @param {Summary} sum
 * @returns {{ text: string, whole?: string } | null}
 */
function whyWaiting(board, sum) {
  const { decision } = board.scale_set,
    [first] = reasonsIn(board);
  if (first)
    return first.passes && !sum.moving ? null : { text: briefly(first), whole: first.text };
  const { text = "", passes, works } = decision;
  return text && (!passes || (works && sum.moving)) ? { text } : null;
}

/** @param {Feed.Policy} policy */
function policy({
  max_batch_percent: size,
  max_unhealthy_percent: all,
  max_unhealthy_upgraded_percent: upgraded,
  pause_seconds: pause,
}) {
  const sizes = { size: percentText(size), pause: pause ? span(pause * 1000) : "" };
  const limits = { all: percentText(all), upgraded: percentText(upgraded) };
  return html`<span class="small quiet">${t("row.policy", sizes)}</span>
    <span class="small quiet">${t("row.limits", limits)}</span>`;
}
