// One instance in full: why it is as it is, what can be done, disks, extensions, health, its part in the upgrade.

import { awaitedOf, isApprovedAhead } from "./approval.js";
import { $$, glyph, html, show, word } from "./dom.js";
import { momentAt, since, zoneName } from "./format.js";
import { reason } from "./instruments.js";
import { inZone } from "./sentences.js";
import { may, off, whyNot } from "./shell.js";
import { faceOf, policyOf } from "./state.js";
import { batchOf } from "./table.js";
import { elapsed } from "./ticking.js";
import { whyInstance, whyNotNow } from "./why.js";

export class Panel {
  /** `address`: of the scale set's page, below which the history of its instances is. */
  constructor(root, address) {
    this.root = root;
    this.address = address;
    this.history = "";
  }

  /** Shows this instance, or nothing. */
  paint(one, board, now) {
    this.root.hidden = !one;
    if (!one) return void (this.history = "");
    show(this.root, panelOf(one, board, now));
    const wanted = eventsOf(one);
    if (wanted !== this.history) this.load(one, (this.history = wanted));
  }

  /** What happened before the page was opened. What comes too late, or from the door, is left alone. */
  async load(one, wanted) {
    const answer = await fetch(`${this.address}instances/${one.id}/history/`, {
      redirect: "manual",
    }).catch(() => null);
    const text = answer?.ok
      ? await answer.text()
      : String(html`<p class="quiet">Could not load.</p>`);
    if (this.history !== wanted) return;
    const place = this.root.querySelector("#history");
    place.innerHTML = text;
    for (const time of $$("time", place)) time.textContent = momentAt(time.dateTime);
    for (const note of $$(".note", place)) note.textContent = inZone(note.textContent);
  }
}

/** What makes its history another one. */
function eventsOf({
  id,
  state,
  health,
  version,
  opt_out: held,
  quarantined_at: at,
  approved_version: approved,
}) {
  return [id, state, health, version, held?.created_at, held?.ending_by, at, approved].join();
}

function panelOf(one, board, now) {
  const why = whyNotNow(one, board),
    says = whyInstance(one, board);
  return html`<header><h2>${one.name}</h2>${word(faceOf(one))}${CLOSE}</header>
    ${why.some(({ text }) => text === says) ? "" : html`<p>${says}</p>`}
    <div class="actions">${approval(one, board)}${optButton(one)}${one.quarantined_at ? release(one) : ""}</div>
    ${held(why)}${optOut(one)}${quarantine(one, now)}
    ${placement(one)}${health(one, now)}${disks(one, board)}${extensions(one)}${part(one, now)}
    <section><h3>History, ${zoneName()}</h3>
      <div id="history" data-keep="${one.id}"><p class="quiet">Loading.</p></div></section>`;
}

const CLOSE = html`<button type="button" class="button plain square push" data-act="close-panel"
  aria-label="Close details">${glyph("close")}</button>`;

// --- what can be done ---

const does = (
  act,
  key,
  ids,
  label,
  version = "",
) => html`<button type="button" class="button" data-act="${act}"
  data-key="${key}" data-ids="${ids}" data-version="${version}">${label}</button>`;

/** Opts it out or in; each is another button, which takes no click for a moment. */
function optButton(one) {
  const [right, key, label] = optAct(one);
  if (!may(right)) return off(label, whyNot(right), `no-${right.replace("_", "-")}`);
  return right === "opt_out"
    ? does("opt-out-one", one.id, one.id, label)
    : does("do", key, one.id, label);
}

/** @returns {[string, string, any]} the right that it takes, its key, and its label */
function optAct({ opt_out: held }) {
  if (!held) return ["opt_out", "", html`${glyph("opted-out")}Opt out…`];
  if (held.ending_by) return ["opt_in", "undo_opt_in", html`${glyph("opted-out")}Keep opted out`];
  return ["opt_in", "opt_in", html`${glyph("done")}Opt in again`];
}

const release = (one) => steering("release", html`${glyph("done")}Release`, one);

function approval(one, board) {
  if (one.approval === "waiting")
    return steering("approve", html`${glyph("play")}Approve`, one, awaitedOf(board));
  return isApprovedAhead(one)
    ? steering("withdraw_approval", html`${glyph("close")}Withdraw approval`, one)
    : "";
}

function steering(key, label, one, version = "") {
  return may("steer")
    ? does("do", key, one.id, label, version)
    : off(label, whyNot("steer"), `no-${key}`);
}

// --- what there is to know ---

/** A heading, and pairs of a name and a value; those that are false are left out. */
function section(name, pairs) {
  const shown = pairs
    .filter(Boolean)
    .map(([what, value]) => html`<dt>${what}</dt><dd>${value}</dd>`);
  return html`<section><h3>${name}</h3><dl class="pairs">${shown}</dl></section>`;
}

function held(list) {
  if (!list.length) return "";
  const items = list.map((one) => reason(one));
  return html`<section><h3>Why not now</h3><ol class="reasons">${items}</ol></section>`;
}

function optOut({ opt_out: held }) {
  if (!held) return "";
  const { owner, reason: why, created_at: from, until, ending_by: by } = held;
  const end = by ? [`Ended by ${by}, at`, momentAt(until)] : ["Until", endOf(held)];
  return section("Opted out", [["By", owner], ["Reason", why], ["Since", momentAt(from)], end]);
}

function endOf({ scope, until }) {
  if (scope === "upgrade") return "An upgrade to this version is complete";
  return until ? momentAt(until) : "No end";
}

function quarantine({ quarantined_at: at, failed_version: version }, now) {
  if (!at) return "";
  const from = html`${momentAt(at, now)}, ${elapsed(at)}`;
  return section("Quarantine", [["Since", from], version && ["Failed on", version]]);
}

function placement(one) {
  const { zone, version, approved_version: approved, power, provisioning } = one;
  return section("Placement", [
    ["Batch", batchOf(one)],
    zone && ["Zone", zone],
    ["Image", version || "–"],
    approved && ["Approved for", approved],
    ["Power", power],
    ["Provisioning", provisioning],
  ]);
}

function health(one, now) {
  const { health_detail: said, health_began_at: at } = one;
  return section("Health", [
    ["Now", faceOf(one, "health").word],
    said && ["Probe response", said],
    at && ["Since", html`${momentAt(at, now)}, ${elapsed(at)}`],
  ]);
}

function disks(one, board) {
  const fate = policyOf(board).max_surge ? "goes with the instance" : "kept";
  const says = ({ lun, size_gb: size }) => [
    `Data disk ${lun}`,
    `${size ? `${size} GB, ` : ""}${fate}`,
  ];
  return section("Disks", [["OS disk", one.os_disk || "–"], ...one.data_disks.map(says)]);
}

function extensions({ extensions: list }) {
  const says = ({ version, state, provisioning }) =>
    [version, state ?? provisioning].filter(Boolean).join(", ");
  return list.length
    ? section(
        "Extensions",
        list.map((one) => [one.name, says(one)]),
      )
    : "";
}

const WENT = {
  queued: "queued",
  upgrading: "upgrading",
  verifying: "verifying",
  succeeded: "succeeded",
  failed: "failed",
  rolling_back: "failed, rolling back",
  rolled_back: "failed, rolled back",
  skipped: "skipped",
};

const DONE = {
  image: ["Disk replaced", "its OS disk was replaced"],
  extensions: ["Extensions run", "its extensions were run"],
  surge: ["New instance up", "that"],
};

/** Its part in the latest upgrade. */
function part({ id, member }, now) {
  if (!member) return "";
  const { instance, replacement, kind, state, swapped_at: swapped, ended_at: ended } = member;
  const [done, doneTo] = DONE[replacement ? "surge" : kind];
  const took = swapped && ended && `${since(swapped, Date.parse(ended))} after ${doneTo}`;
  const other = replacement === id ? ["In place of", instance] : ["New instance", replacement];
  return section("Latest upgrade", [
    ["Result", WENT[state]],
    replacement && other,
    swapped && [done, momentAt(swapped, now)],
    took && ["Ended", took],
    member.error_code && ["Error", member.error_code],
    member.rollback_error && ["Not put back", member.rollback_error],
  ]);
}
