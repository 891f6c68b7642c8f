// The fleet stop: all automatic upgrades stopped at once. The button of every page, and the banner while it is so.

import { consider } from "./confirm.js";
import { $, html, show, turn } from "./dom.js";
import { momentAt, zoneName } from "./format.js";
import { showTip } from "./tips.js";

const USUALLY = 864e5; // ms: a day, never silently for ever
const ALREADY = "Already stopped. Resume from the banner.";
const stops = new Map(); // key -> what that scale set says of a stop

/** A board of the feed says whether all are stopped; null: it is gone. The newest word counts. */
export function hearStop(key, board) {
  const stop = board?.scale_set?.fleet_stop;
  if (stops.get(key)?.created_at === stop?.created_at) return;
  if (stop) stops.set(key, stop);
  else stops.delete(key);
  paint([...stops.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : -1))[0]);
}

function paint(stop) {
  const banner = $("#fleet-stop"),
    hadFocus = banner.contains(document.activeElement);
  banner.hidden = !stop;
  show($("p", banner), stop ? words(stop) : "");
  if ($("#cord")) turn($("#cord"), stop ? ALREADY : "");
  if (hadFocus && !stop) ($("#cord") ?? $("#main")).focus();
}

function words({ owner, reason, created_at: at, until }) {
  const end = until ? `, until ${momentAt(until)}` : "";
  return html`<b>All automatic upgrades are stopped</b> by ${owner} since ${momentAt(at)}${end} ${zoneName()}: ${reason}`;
}

export function openFleetStop(button) {
  if (button.getAttribute("aria-disabled") === "true") return showTip(button.closest(".why-off"));
  const dialog = $("#stop-fleet"),
    form = $("form", dialog);
  form.reset();
  form.elements.until_local.value = local(Date.now() + USUALLY);
  form.elements.until_local.min = local(Date.now());
  $(".zone", form).textContent = `, ${zoneName()}`;
  $(".problem", form).hidden = true;
  dialog.showModal();
}

/** As an input of a local time has it, to the minute. */
const local = (at) =>
  new Date(at - new Date(at).getTimezoneOffset() * 6e4).toISOString().slice(0, 16);

export const letGo = (button) => consider(`${document.body.dataset.endFleetStop}would/`, button);
