// What there is to know of the instance in the panel: sections of names and values. Markup.

import { policyOf } from "./board.js";
import { t } from "./catalogue.js";
import { detailOf } from "./details.js";
import { html } from "./dom.js";
import { faceOf } from "./faces.js";
import { momentAt } from "./format.js";
import { since } from "./spans.js";
import { batchOf } from "./table.js";
import { elapsed } from "./ticking.js";
import "./texts-panel.js";

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
  return section(t("fact.opted_out"), [
    [t("fact.by"), owner],
    [t("fact.reason"), reason],
    [t("fact.since"), momentAt(created_at)],
    ending_by
      ? [t("fact.ended_by", { by: ending_by }), momentAt(optedOut.until)]
      : [t("fact.until"), endOf(optedOut)],
  ]);
}

/** @param {NonNullable<Instance["opt_out"]>} optOut */
function endOf({ scope, until }) {
  if (scope === "upgrade") return t("fact.until_upgrade");
  return until ? momentAt(until) : t("fact.no_end");
}

/**
 * @param {Instance} instance
 * @param {number} now in ms
 */
function quarantine({ quarantined_at: at, failed_version: version }, now) {
  if (!at) return "";
  const from = html`${momentAt(at, now)}, ${elapsed(at)}`;
  return section(t("fact.quarantine"), [
    [t("fact.since"), from],
    version && [t("fact.failed_on"), version],
  ]);
}

/** @param {Instance} instance */
function placement(instance) {
  const { zone, version, reported_version: reported, approved_version: approved } = instance;
  const { power, provisioning } = instance;
  return section(t("fact.placement"), [
    [t("fact.batch"), batchOf(instance)],
    zone && [t("fact.zone"), zone],
    [t("fact.image"), version || "–"],
    reported && [t("fact.reported"), reported],
    approved && [t("fact.approved_for"), approved],
    [t("fact.power"), POWERS[power]],
    [t("fact.provisioning"), PROVISIONED[provisioning]],
  ]);
}

/**
 * @param {Instance} instance
 * @param {number} now in ms
 */
function health(instance, now) {
  const { health_detail: detail, health_began_at: at } = instance;
  return section(t("fact.health"), [
    [t("fact.now"), faceOf(instance, "health").word],
    detail && [t("fact.probe_response"), detailOf(detail)],
    at && [t("fact.since"), html`${momentAt(at, now)}, ${elapsed(at)}`],
  ]);
}

/**
 * @param {Instance} instance
 * @param {Board} board
 */
function disks({ os_disk, data_disks = [] }, board) {
  const fate = policyOf(board).max_surge ? t("fact.disk_goes") : t("fact.disk_kept");
  /** @type {Pair[]} */
  const list = data_disks.map(({ lun }) => [t("fact.data_disk", { lun }), fate]);
  return section(t("fact.disks"), [[t("fact.os_disk"), os_disk || "–"], ...list]);
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
    [version, PROVISIONED[state] ?? state, message].filter(Boolean).join(", "),
  ]);
  return section(t("fact.extensions"), pairs);
}

/** @type {Record<Instance["power"], string>} */
const POWERS = {
  starting: t("power.starting"),
  running: t("power.running"),
  stopped: t("power.stopped"),
  deallocated: t("power.deallocated"),
  unknown: t("power.unknown"),
};

/**
 * Of an instance, and of each of its extensions.
 * @type {Record<string, string>}
 */
const PROVISIONED = {
  creating: t("provisioning.creating"),
  updating: t("provisioning.updating"),
  succeeded: t("provisioning.succeeded"),
  failed: t("provisioning.failed"),
  deleting: t("provisioning.deleting"),
};

/** @type {Record<NonNullable<Instance["member"]>["state"], string>} */
const RESULTS = {
  queued: t("member.queued"),
  upgrading: t("member.upgrading"),
  verifying: t("member.verifying"),
  succeeded: t("member.succeeded"),
  failed: t("member.failed"),
  rolling_back: t("member.rolling_back"),
  rolled_back: t("member.rolled_back"),
  skipped: t("member.skipped"),
};

/**
 * What was done to it, and how long after that it ended.
 * @type {Record<string, [string, (time: string) => string]>}
 */
const WORK = {
  image: [t("fact.replaced"), (time) => t("fact.took_image", { time })],
  extensions: [t("fact.extensions_run"), (time) => t("fact.took_extensions", { time })],
  surge: [t("fact.new_instance_up"), (time) => t("fact.took_surge", { time })],
};

/**
 * Its part in the latest upgrade.
 * @param {Instance} instance
 * @param {number} now in ms
 */
function latestUpgrade({ id, member }, now) {
  if (!member) return "";
  const { instance, replacement, kind, state, swapped_at, ended_at } = member;
  const [work, afterIt] = WORK[replacement ? "surge" : kind];
  const took = swapped_at && ended_at && afterIt(since(swapped_at, Date.parse(ended_at)));
  /** @type {Pair} */
  const other =
    replacement === id ? [t("fact.in_place_of"), instance] : [t("fact.new_instance"), replacement];
  return section(t("fact.latest_upgrade"), [
    [t("fact.result"), RESULTS[state]],
    replacement && other,
    swapped_at && [work, momentAt(swapped_at, now)],
    took && [t("fact.ended"), took],
    member.error_code && [t("fact.error"), member.error_code],
    member.rollback_error && [t("fact.not_put_back"), member.rollback_error],
  ]);
}
