// The fleet stop: all automatic upgrades stopped at once. The button of every page, and the banner while it is so.

import { t, tPieces } from "./catalogue.js";
import { consider } from "./confirm.js";
import { $, field, find, html, show, turn } from "./dom.js";
import { zoneName } from "./format.js";
import { showTip } from "./tips.js";

/** @import { Board, EmptyBoard } from "./board.js" */

const USUALLY = 864e5; // ms: a day, never silently for ever
const ALREADY = t("fleet_stop.already");
/** @typedef {NonNullable<Feed.ScaleSet["fleet_stop"]>} FleetStop */

/** @type {Map<string, FleetStop>} what each scale set says of a stop, by its key */
const stops = new Map();

/** @param {FleetStop} stop */
const startOf = (stop) => stop.created_at ?? "";

/**
 * A board of the feed says whether all are stopped; null: it is gone. The newest word counts.
 * @param {string} key
 * @param {Board | EmptyBoard | null} board
 */
export function hearStop(key, board) {
  const stop = board?.scale_set?.fleet_stop;
  if (stops.get(key)?.created_at === stop?.created_at) return;
  if (stop) stops.set(key, stop);
  else stops.delete(key);
  paint([...stops.values()].sort((a, b) => (startOf(a) < startOf(b) ? 1 : -1))[0]);
}

/** @param {FleetStop | undefined} stop */
function paint(stop) {
  const banner = $("#fleet-stop"),
    hadFocus = banner.contains(document.activeElement);
  banner.hidden = !stop;
  show($("p", banner), stop ? words(stop) : "");
  const control = find("#fleet-stop-control");
  if (control) turn(control, stop ? ALREADY : "");
  if (hadFocus && !stop) (control ?? $("#main")).focus();
}

/** @param {FleetStop} stop */
function words({ owner, reason, created_at: at, until }) {
  const stopped = html`<b>${t("fleet_stop.stopped")}</b>`;
  return html`${tPieces("fleet_stop.by", { stopped, owner, at, until, zone: zoneName(), reason })}`;
}

/** @param {HTMLElement} button */
export function openFleetStop(button) {
  if (button.getAttribute("aria-disabled") === "true") return showTip(button.closest(".why-off"));
  const dialog = $("#stop-fleet"),
    form = $("form", dialog);
  form.reset();
  const until = field(form, "until_local");
  until.value = local(Date.now() + USUALLY);
  until.min = local(Date.now());
  $(".zone", form).textContent = `, ${zoneName()}`;
  $(".problem", form).hidden = true;
  dialog.showModal();
}

/**
 * As an input of a local time has it, to the minute.
 * @param {number} at
 */
const local = (at) =>
  new Date(at - new Date(at).getTimezoneOffset() * 6e4).toISOString().slice(0, 16);

/** @param {HTMLElement} button */
export const endFleetStop = (button) =>
  consider(`${document.body.dataset.endFleetStop}would/`, button);
