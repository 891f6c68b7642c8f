// The fleet stop: all automatic upgrades stopped at once. The banner while it is so.

import { t, tPieces } from "./catalogue.js";
import { $, find, html, show, turn } from "./dom.js";
import { zoneName } from "./format.js";

/** @import { Board, EmptyBoard } from "./board.js" */

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
