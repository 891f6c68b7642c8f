// The head of the scale set page: image, policy, health source, who is eligible; and the controls that belong to the moment.

import { awaitedOf, unapproved } from "./approval.js";
import { t, templateOf } from "./catalogue.js";
import { CONTROLS, controlsOf, mainOf } from "./controls.js";
import { $, html, show, turn } from "./dom.js";
import { percentText } from "./format.js";
import { may } from "./rights.js";
import { span } from "./spans.js";
import { policyOf } from "./board.js";
import { versionsIn } from "./versions.js";

/** @import { Board } from "./board.js" */

/** @param {Board} board */
export function paintHeader(board) {
  show($("#image"), image(board));
  show($("#policy"), policy(policyOf(board), board.scale_set.kept_os_disk));
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
const eligible = ({ total, eligible: free, opted_out: out }) =>
  html`${t("header.eligible", { total, free, out })}`;

/** What a rollback puts back, where that is not the old OS disk itself. */
const ROLLBACKS = {
  copy: () => t("header.rollback_copy"),
  none: () => t("header.rollback_none"),
  version: () => t("header.rollback_version"),
};

/**
 * @param {Feed.Policy} limits
 * @param {Feed.ScaleSet["kept_os_disk"]} kept what a rollback puts back
 */
function policy(limits, kept) {
  const {
    max_batch_percent: size,
    max_unhealthy_percent: all,
    max_unhealthy_upgraded_percent: upgraded,
    pause_seconds: pause,
  } = limits;
  const says = t("header.policy", {
    size: percentText(size),
    all: percentText(all),
    upgraded: percentText(upgraded),
    pause: pause ? span(pause * 1000) : "",
  });
  const back = kept === "exact" ? [] : [ROLLBACKS[kept]()];
  return html`${[says, ...wordsOf(limits), ...back].join(", ")}`;
}

/**
 * Its switches that are not as by default.
 * @param {Feed.Policy} limits
 */
const wordsOf = ({ words, word_keys: keys = [] }) =>
  words.map((word, i) => templateOf(keys[i] ?? "", word));

/** @param {Feed.ScaleSet["probe"]} probe */
const source = (probe) =>
  probe
    ? html`${t("header.probe", { ...probe, seconds: probe.interval_seconds })}`
    : html`${t("header.no_probe")}`;

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
  $("span", control).textContent = t("control.approve", { count: ids.length });
}
