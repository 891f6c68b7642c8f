// One instance in full: why it is as it is, what can be done, disks, extensions, health, its part in the upgrade.

import { awaitedOf, isApprovedAhead } from "./approval.js";
import { $$, glyph, html, show, word } from "./dom.js";
import { dayAt, exactMomentAt, momentAt, since, zoneName } from "./format.js";
import { reason } from "./instruments.js";
import { may, off, whyNot } from "./shell.js";
import { faceOf, policyOf } from "./state.js";
import { batchOf } from "./table.js";
import { elapsed } from "./ticking.js";
import { whyInstance, whyNotNow } from "./why.js";

export class Panel {
  /** `address`: of the scale set's page, below which the history of its instances is. */
  constructor(root, address) {
    Object.assign(this, { root, address, history: "" });
  }

  /** Shows this instance, or nothing. */
  paint(one, board, now) {
    this.root.hidden = !one;
    if (!one) return void (this.history = "");
    show(this.root, panelOf(one, board, now));
    const wanted = `${one.id} ${one.state} ${one.health} ${one.version} ${Boolean(one.opt_out)} ${one.quarantined_at} ${one.approved_version}`;
    if (wanted !== this.history) this.load(one, (this.history = wanted));
  }

  /** The server knows what happened before the page was opened. What comes too late, or from the door, is left alone. */
  async load(one, wanted) {
    const answer = await fetch(`${this.address}instances/${one.id}/history/`, { redirect: "manual" }).catch(() => null);
    const text = answer?.ok ? await answer.text() : String(html`<p class="quiet">Could not load.</p>`);
    if (this.history !== wanted) return;
    const place = this.root.querySelector("#history");
    place.innerHTML = text;
    for (const time of $$("time", place)) time.textContent = exactMomentAt(time.dateTime);
  }
}

function panelOf(one, board, now) {
  const why = whyNotNow(one, board), says = whyInstance(one, board);
  return html`<header><h2>${one.name}</h2>${word(faceOf(one))}<button type="button" class="button plain square push" data-act="close-panel" aria-label="Close details">${glyph("close")}</button></header>
    ${why.some(({ text }) => text === says) ? "" : html`<p>${says}</p>`}
    <div class="actions">${approval(one, board)}${acts(one)}${one.quarantined_at ? release(one) : ""}</div>
    ${held(why)}
    ${one.opt_out ? optOut(one.opt_out) : ""}${one.quarantined_at ? quarantine(one, now) : ""}
    <section><h3>Placement</h3><dl class="pairs">${pair("Batch", batchOf(one))}${one.zone ? pair("Zone", one.zone) : ""}${pair("Image", one.version || "–")}${one.approved_version ? pair("Approved for", one.approved_version) : ""}${pair("Power", one.power)}${pair("Provisioning", one.provisioning)}</dl></section>
    <section><h3>Health</h3><dl class="pairs">${pair("Now", faceOf(one, "health").word)}${one.health_detail ? pair("Probe response", one.health_detail) : ""}${one.health_began_at ? pair("Since", html`${exactMomentAt(one.health_began_at, now)}, ${elapsed(one.health_began_at)}`) : ""}</dl></section>
    <section><h3>Disks</h3><dl class="pairs">${pair("OS disk", one.os_disk || "–")}${one.data_disks.map((disk) => pair(`Data disk ${disk.lun}`, `${disk.size_gb ? `${disk.size_gb} GB, ` : ""}${policyOf(board).max_surge ? "goes with the instance" : "kept"}`))}</dl></section>
    ${one.extensions.length ? html`<section><h3>Extensions</h3><dl class="pairs">${one.extensions.map((extension) => pair(extension.name, `${extension.version ? `${extension.version}, ` : ""}${extension.state ?? extension.provisioning ?? ""}`))}</dl></section>` : ""}
    ${one.member ? part(one, now) : ""}
    <section><h3>History, ${zoneName()}</h3><div id="history" data-keep="${one.id}"><p class="quiet">Loading.</p></div></section>`;
}

const pair = (name, value) => html`<dt>${name}</dt><dd>${value}</dd>`;

function acts(one) {
  if (one.opt_out) return may("opt_in") ? html`<button type="button" class="button" data-act="do" data-key="${one.opt_out.ending_by ? "undo_opt_in" : "opt_in"}" data-ids="${one.id}">${one.opt_out.ending_by ? html`${glyph("opted-out")}Keep opted out` : html`${glyph("done")}Opt in again`}</button>` : off(html`${glyph("done")}Opt in again`, whyNot("opt_in"), "no-opt-in");
  return may("opt_out") ? html`<button type="button" class="button" data-act="opt-out-one" data-key="${one.id}">${glyph("opted-out")}Opt out…</button>` : off(html`${glyph("opted-out")}Opt out…`, whyNot("opt_out"), "no-opt-out");
}

const release = (one) => steering("release", html`${glyph("done")}Release`, one);

function approval(one, board) {
  if (one.approval === "waiting") return steering("approve", html`${glyph("play")}Approve`, one, awaitedOf(board));
  return isApprovedAhead(one) ? steering("withdraw_approval", html`${glyph("close")}Withdraw approval`, one) : "";
}

const steering = (key, label, one, version = "") => (may("steer") ? html`<button type="button" class="button" data-act="do" data-key="${key}" data-ids="${one.id}" data-version="${version}">${label}</button>` : off(label, whyNot("steer"), `no-${key}`));

const held = (list) => (list.length ? html`<section><h3>Why not now</h3><ol class="reasons">${list.map((one) => reason(one))}</ol></section>` : "");

function optOut(held) {
  const end = held.scope === "upgrade" ? "An upgrade to this version is complete" : held.until ? `${momentAt(held.until)}` : "For ever";
  return html`<section><h3>Opted out</h3><dl class="pairs">${pair("By", held.owner)}${pair("Reason", held.reason)}${pair("Since", dayAt(held.created_at))}${pair(held.ending_by ? `Ended by ${held.ending_by}, at` : "Until", held.ending_by ? exactMomentAt(held.until) : end)}</dl></section>`;
}

function quarantine({ quarantined_at: at, failed_version: version }, now) {
  return html`<section><h3>Quarantine</h3><dl class="pairs">${pair("Since", html`${momentAt(at, now)}, ${elapsed(at)}`)}${version ? pair("Failed on", version) : ""}</dl></section>`;
}

const WENT = {
  queued: "queued", upgrading: "upgrading", verifying: "verifying", succeeded: "succeeded", failed: "failed", rolling_back: "failed, rolling back",
  rolled_back: "failed, rolled back", skipped: "skipped",
};

const DONE = { image: ["Disk replaced", "its OS disk was replaced"], extensions: ["Extensions run", "its extensions were run"], surge: ["New instance up", "that"] };

function part({ id, member }, now) {
  const [done, doneTo] = DONE[member.replacement ? "surge" : member.kind];
  const other = !member.replacement ? "" : member.replacement === id ? pair("In place of", member.instance) : pair("New instance", member.replacement);
  const took = member.swapped_at && member.ended_at ? `${since(member.swapped_at, Date.parse(member.ended_at))} after ${doneTo}` : "";
  return html`<section><h3>Latest upgrade</h3><dl class="pairs">${pair("Result", WENT[member.state])}${other}${member.swapped_at ? pair(done, momentAt(member.swapped_at, now)) : ""}${took ? pair("Ended", took) : ""}${member.error_code ? pair("Error", member.error_code) : ""}${member.rollback_error ? pair("Not put back", member.rollback_error) : ""}</dl></section>`;
}
