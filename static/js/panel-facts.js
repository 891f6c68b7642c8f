// What there is to know of the instance in the panel: sections of names and values. Markup.

import { policyOf } from "./board.js";
import { html } from "./dom.js";
import { faceOf } from "./faces.js";
import { momentAt, since } from "./format.js";
import { batchOf } from "./table.js";
import { elapsed } from "./ticking.js";

/**
 * @import { Board, Instance } from "./board.js"
 * @import { Piece } from "./markup.js"
 *
 * A name and its value; what is false or "" is left out.
 * @typedef {[string, Piece] | Piece} Pair
 */

/**
 * All sections, those left out that say nothing of this instance.
 * @param {Instance} instance
 * @param {Board} board
 * @param {number} now in ms
 * @returns {Piece[]}
 */
export const factsOf = (instance, board, now) => [
  optOut(instance),
  quarantine(instance, now),
  placement(instance),
  health(instance, now),
  disks(instance, board),
  extensions(instance),
  latestUpgrade(instance, now),
];

/**
 * @param {string} name
 * @param {Pair[]} pairs
 */
function section(name, pairs) {
  const shown = pairs.filter((pair) => Array.isArray(pair));
  const items = shown.map(([term, value]) => html`<dt>${term}</dt><dd>${value}</dd>`);
  return html`<section><h3>${name}</h3><dl class="pairs">${items}</dl></section>`;
}

/** @param {Instance} instance */
function optOut({ opt_out: optedOut }) {
  if (!optedOut) return "";
  const { owner, reason, created_at, ending_by } = optedOut;
  return section("Opted out", [
    ["By", owner],
    ["Reason", reason],
    ["Since", momentAt(created_at)],
    ending_by
      ? [`Ended by ${ending_by}, at`, momentAt(optedOut.until)]
      : ["Until", endOf(optedOut)],
  ]);
}

/** @param {NonNullable<Instance["opt_out"]>} optOut */
function endOf({ scope, until }) {
  if (scope === "upgrade") return "An upgrade to this version is complete";
  return until ? momentAt(until) : "No end";
}

/**
 * @param {Instance} instance
 * @param {number} now in ms
 */
function quarantine({ quarantined_at: at, failed_version: version }, now) {
  if (!at) return "";
  const from = html`${momentAt(at, now)}, ${elapsed(at)}`;
  return section("Quarantine", [["Since", from], version && ["Failed on", version]]);
}

/** @param {Instance} instance */
function placement(instance) {
  const { zone, version, approved_version: approved, power, provisioning } = instance;
  return section("Placement", [
    ["Batch", batchOf(instance)],
    zone && ["Zone", zone],
    ["Image", version || "–"],
    approved && ["Approved for", approved],
    ["Power", power],
    ["Provisioning", provisioning],
  ]);
}

/**
 * @param {Instance} instance
 * @param {number} now in ms
 */
function health(instance, now) {
  const { health_detail: detail, health_began_at: at } = instance;
  return section("Health", [
    ["Now", faceOf(instance, "health").word],
    detail && ["Probe response", detail],
    at && ["Since", html`${momentAt(at, now)}, ${elapsed(at)}`],
  ]);
}

/**
 * @param {Instance} instance
 * @param {Board} board
 */
function disks({ os_disk, data_disks }, board) {
  const fate = policyOf(board).max_surge ? "goes with the instance" : "kept";
  /** @type {Pair[]} */
  const list = data_disks.map(({ lun }) => [`Data disk ${lun}`, fate]);
  return section("Disks", [["OS disk", os_disk || "–"], ...list]);
}

/**
 * Each with its version and how it went; where it failed, in its own words.
 * @param {Instance} instance
 */
function extensions({ extensions: list }) {
  if (!list.length) return "";
  /** @type {Pair[]} */
  const pairs = list.map(({ name, version, state, message }) => [
    name,
    [version, state, message].filter(Boolean).join(", "),
  ]);
  return section("Extensions", pairs);
}

/** @type {Record<NonNullable<Instance["member"]>["state"], string>} */
const RESULTS = {
  queued: "queued",
  upgrading: "upgrading",
  verifying: "verifying",
  succeeded: "succeeded",
  failed: "failed",
  rolling_back: "failed, rolling back",
  rolled_back: "failed, rolled back",
  skipped: "skipped",
};

const WORK = {
  image: ["Disk replaced", "its OS disk was replaced"],
  extensions: ["Extensions run", "its extensions were run"],
  surge: ["New instance up", "that"],
};

/**
 * Its part in the latest upgrade.
 * @param {Instance} instance
 * @param {number} now in ms
 */
function latestUpgrade({ id, member }, now) {
  if (!member) return "";
  const { instance, replacement, kind, state, swapped_at, ended_at } = member;
  const [work, workDone] = WORK[replacement ? "surge" : kind];
  const took =
    swapped_at && ended_at && `${since(swapped_at, Date.parse(ended_at))} after ${workDone}`;
  /** @type {Pair} */
  const other = replacement === id ? ["In place of", instance] : ["New instance", replacement];
  return section("Latest upgrade", [
    ["Result", RESULTS[state]],
    replacement && other,
    swapped_at && [work, momentAt(swapped_at, now)],
    took && ["Ended", took],
    member.error_code && ["Error", member.error_code],
    member.rollback_error && ["Not put back", member.rollback_error],
  ]);
}
