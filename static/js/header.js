// The head of the scale set page: image, policy, health source, who is eligible; and the controls that belong to the moment.

import { awaitedOf, unapproved } from "./approval.js";
import { controlsOf } from "./controls.js";
import { $, html, show, turn } from "./dom.js";
import { number, percentText, span } from "./format.js";
import { may } from "./shell.js";
import { countBy, eligible, policyOf, runs } from "./state.js";
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

const CONTROLS = ["approve", "start", "retry", "failed", "extensions", "resume", "pause", "next", "cancel"];

/** What belongs to another moment gives way, and a focus that it had goes to what takes its place. */
function paintControls(board) {
  const now = controlsOf(board);
  const controls = CONTROLS.map((id) => $(`#${id}`));
  const lost = controls.find((one) => one === document.activeElement && !Object.hasOwn(now, one.id));
  for (const one of controls) {
    one.parentElement.hidden = !Object.hasOwn(now, one.id);
    turn(one, now[one.id] ?? "");
  }
  if (lost) $(runs(board) ? HEIR[lost.id] ?? "#cancel" : "#start").focus();
  paintApprove(board);
  $("#cancel span").textContent = board.upgrade?.cancel_requested_by && runs(board) ? "Stops after this batch" : "Cancel";
}

/** All that wait, for the version that is on the screen. */
function paintApprove(board) {
  const ids = unapproved(board), control = $("#approve");
  Object.assign(control.dataset, { key: "approve", ids: ids.join(), version: awaitedOf(board) });
  $("span", control).textContent = `Approve ${number(ids.length)}`;
}

const HEIR = { pause: "#resume", resume: "#pause" };
