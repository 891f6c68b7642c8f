// Two tapes: the gate before every batch, where all instances count, and the check of those already upgraded. As the board says.

import { runs } from "./board.js";
import { t } from "./catalogue.js";
import { html } from "./dom.js";
import { percentText } from "./format.js";

/** @import { Board } from "./board.js" */

/** @param {Board} board */
export function gauges(board) {
  const failed = failedOf(board);
  return html`<header><h2>${t("gauge.title")}</h2><span class="small quiet">${t("gauge.stops")}</span></header>
    ${tape(t("gauge.unhealthy"), board.figures.unhealthy, t("gauge.none"))}${failed ? tape(t("gauge.failed"), failed, t("gauge.none_upgraded")) : untouched()}`;
}

/** Has the place of the second tape before the first upgrade, so that nothing moves when that begins. */
const untouched = () =>
  html`<div class="gauge"><div class="row"><span>${t("gauge.failed")}</span><span><b>–</b></span></div>
    <div class="tape" role="presentation"></div>
    <div class="row small quiet"><span></span><span>${t("gauge.none_upgraded")}</span></div></div>`;

/**
 * Of the running upgrade; of one that is over as it was then.
 * @param {Board} board
 */
const failedOf = (board) => (runs(board) ? board.figures.failed : board.upgrade?.record?.failed);

/**
 * @param {string} name
 * @param {Feed.Gauge} gauge
 * @param {string} none
 */
function tape(name, gauge, none) {
  const { percent, limit_percent: limit } = gauge,
    says = percentText(percent);
  const full = Math.min(100, Math.max(2 * limit, Math.ceil(percent / 10) * 10)) || 1;
  const fill = gauge.over ? "failure" : gauge.count ? "attention" : "done";
  return html`<div class="gauge"><div class="row"><span>${name}</span><span><b>${says}</b></span></div>
    <div class="tape" role="meter" aria-label="${name}" aria-valuemin="0" aria-valuemax="${full}"
      aria-valuenow="${Math.min(full, percent).toFixed(1)}" aria-valuetext="${t("gauge.value", { share: says, limit: percentText(limit) })}"
      data-fill="${fill}" data-vars="full:${full};limit:${limit};value:${percent}"><i></i><u></u></div>
    <div class="row small quiet"><span>${countOf(gauge)}</span><span>${gauge.of ? roomOf(gauge) : none}</span></div></div>`;
}

/** @param {Feed.Gauge} gauge */
const countOf = ({ count, of, limit_percent: limit }) =>
  t("gauge.count", { count, of, limit: percentText(limit) });

/**
 * Of one instance 20 % is none.
 * @param {Feed.Gauge} gauge
 */
function roomOf({ over, room, count }) {
  if (over) return t("gauge.over", { count: -room });
  if (room) return t("gauge.below", { count: room });
  return count ? t("gauge.at") : t("gauge.none_allowed");
}
