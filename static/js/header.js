// The head of the scale set page: image, policy, health source, who is eligible; and the controls that belong to the moment.

import { awaitedOf, unapproved } from "./approval.js";
import { CONTROLS, controlsOf, mainOf } from "./controls.js";
import { $, html, show, turn } from "./dom.js";
import { number, percentText, span } from "./format.js";
import { may } from "./shell.js";
import { countBy, eligible, policyOf } from "./state.js";
import { targetOf } from "./summary.js";
import { proper } from "./surges.js";

export function paintHeader(board) {
  show($("#image"), image(board));
  show($("#policy"), policy(policyOf(board)));
  show($("#source"), source(board.scale_set.probe));
  const all = proper(board.instances).length, free = eligible(board.instances).length;
  show($("#eligible"), html`${free} of ${all}${free < all ? `, ${all - free} opted out` : ""}`);
  if (may("steer")) paintControls(board);
  $("#automatic").setAttribute("aria-checked", board.scale_set.automatic_upgrade);
}

/** The version that most still run -> the target. */
function image(board) {
  const target = targetOf(board);
  const counts = Object.entries(countBy(proper(board.instances), (one) => one.version || "none yet"));
  const behind = counts.filter(([version]) => version !== target).sort((a, b) => b[1] - a[1]);
  if (!behind.length) return html`<b>${target ?? "none published"}</b>`;
  return html`${behind[0][0]}${behind.length > 1 ? ` and ${behind.length - 1} more` : ""}${target ? html` → <b>${target}</b>` : ", none published"}`;
}

function policy(limits) {
  const pause = limits.pause_seconds ? `, pause ${span(limits.pause_seconds * 1000)}` : "";
  const more = `${pause}${limits.max_surge ? ", new instances" : ""}${limits.deferral ? ", on approval" : ""}`;
  return html`batch ${percentText(limits.max_batch_percent)}, unhealthy ${percentText(limits.max_unhealthy_percent)}, upgraded ${percentText(limits.max_unhealthy_upgraded_percent)}${more}`;
}

const source = (probe) => (probe ? html`probe ${probe.protocol} :${probe.port} ${probe.path}, every ${probe.interval_seconds} s` : html`machine and extensions, no probe`);

/** Each keeps its place, whatever the moment: what cannot be used now is off and says why. Only the one of approvals comes and goes, first. */
function paintControls(board) {
  const now = controlsOf(board), main = mainOf(now);
  for (const id of Object.keys(CONTROLS)) {
    const control = $(`#${id}`);
    turn(control, now[id]);
    control.classList.toggle("main", id === main);
  }
  $("#approve").parentElement.hidden = !policyOf(board).deferral;
  paintApprove(board);
}

/** All that wait, for the version that is on the screen. */
function paintApprove(board) {
  const ids = unapproved(board), control = $("#approve");
  Object.assign(control.dataset, { key: "approve", ids: ids.join(), version: awaitedOf(board) });
  $("span", control).textContent = ids.length ? `Approve ${number(ids.length)}` : "Approve";
}
