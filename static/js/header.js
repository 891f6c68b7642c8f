// The head of the scale set page: image, policy, health source, who is eligible; and the controls that belong to the moment.

import { awaitedOf, unapproved } from "./approval.js";
import { CONTROLS, controlsOf, mainOf } from "./controls.js";
import { $, html, show, turn } from "./dom.js";
import { number, percentText, span } from "./format.js";
import { may } from "./shell.js";
import { policyOf } from "./board.js";
import { versionsIn } from "./summary.js";

/** @import { Board } from "./board.js" */

/** @param {Board} board */
export function paintHeader(board) {
  show($("#image"), image(board));
  show($("#policy"), policy(policyOf(board)));
  show($("#source"), source(board.scale_set.probe));
  show($("#eligible"), eligible(board.figures.counts));
  if (may("steer")) paintControls(board);
  $("#automatic").setAttribute("aria-checked", String(board.scale_set.automatic_upgrade));
}

/**
 * The version that most of those behind run -> the target.
 * @param {Board} board
 */
const image = ({ figures, scale_set: set }) =>
  html`<b>${versionsIn(figures, set.wanted_version)}</b>`;

/** @param {NonNullable<Feed.Board>["counts"]} counts */
function eligible({ total, eligible: free, opted_out: out }) {
  return html`${number(free)} of ${number(total)}${out ? `, ${number(out)} opted out` : ""}`;
}

/** @param {Feed.Policy} limits */
function policy(limits) {
  const pause = limits.pause_seconds ? `, pause ${span(limits.pause_seconds * 1000)}` : "";
  const more = [pause, ...limits.words.map((word) => `, ${word}`)].join("");
  const {
    max_batch_percent: size,
    max_unhealthy_percent: all,
    max_unhealthy_upgraded_percent: upgraded,
  } = limits;
  const sizes = `Batch ${percentText(size)}, max unhealthy ${percentText(all)}`;
  return html`${sizes}, max failed after upgrade ${percentText(upgraded)}${more}`;
}

/** @param {Feed.ScaleSet["probe"]} probe */
const source = (probe) =>
  probe
    ? html`probe ${probe.protocol} :${probe.port} ${probe.path}, every ${probe.interval_seconds} s`
    : html`machine and extensions, no probe`;

/**
 * Each keeps its place, whatever the moment: what cannot be used now is off and says why. Only the one of approvals comes and goes, first.
 * @param {Board} board
 */
function paintControls(board) {
  const now = controlsOf(board),
    main = mainOf(now);
  for (const id of Object.keys(CONTROLS)) {
    const control = $(`#${id}`);
    turn(control, now[id]);
    control.classList.toggle("main", id === main);
  }
  /** @type {HTMLElement} */ ($("#approve").closest(".why-off")).hidden = !policyOf(board).deferral;
  paintApprove(board);
}

/**
 * All that wait, for the version that is on the screen.
 * @param {Board} board
 */
function paintApprove(board) {
  const ids = unapproved(board),
    control = $("#approve");
  Object.assign(control.dataset, { key: "approve", ids: ids.join(), version: awaitedOf(board) });
  $("span", control).textContent = ids.length ? `Approve ${number(ids.length)}` : "Approve";
}
