// How the stories of the browser's side begin: instances, snapshots and deltas as docs/feed.md has them.

import { applyDelta, follows, fromSnapshot } from "../../static/js/state.js";

export const AT = "2018-09-25T12:00:00.000Z";
export const OLD = "16.04.1", NEW = "16.04.2";
export const POLICY = { max_batch_percent: 20, max_unhealthy_percent: 20, max_unhealthy_upgraded_percent: 20, pause_seconds: 0 };
const IMAGE = { publisher: "Canonical", offer: "UbuntuServer", sku: "16.04-LTS" };

export const anInstance = (id, changes = {}) => ({
  id: String(id), name: `web_${id}`, zone: "", version: OLD, os_disk: `disk ${id}`, data_disks: [], power: "running", provisioning: "succeeded",
  extensions: [], health: "healthy", health_since: AT, health_began_at: AT, health_detail: "", operation: "", failed_version: "", approved_version: "", quarantined_at: null, missing_since: null, member: null, opt_out: null, ...changes,
});

export const aMember = (batch, state, changes = {}) => ({ upgrade: "u1", instance: "", replacement: null, kind: "image", batch, state, swapped_at: null, ended_at: null, error_code: "", error_message: "", rollback_error: "", ...changes });
export const anOptOut = () => ({ owner: "ada", reason: "holds sessions", scope: "until", created_at: AT, until: null, ending_by: "" });

export const aReason = (code, changes = {}) => ({ code, text: `${code}.`, gate: "", since: AT, until: null, who: "operator", act: "", numbers: {}, instances: null, ...changes });
/** What a look decided, with the reasons for it. */
export const aDecision = (...reasons) => ({ code: reasons[0].code, text: reasons[0].text, since: AT, reasons });

export const aScaleSet = ({ latest_version = OLD, wanted_version = latest_version, ...changes } = {}) => ({
  resource_group: "fleet", name: "web", location: "westeurope", image: { ...IMAGE, version: "latest" }, latest_version, wanted_version, withdrawn: [], capacity: 10,
  automatic_upgrade: true, extensions: [], policy: POLICY, probe: null, decision: { code: "NothingToDo", text: "Nothing to do.", since: AT, reasons: [] }, fleet_stop: null, deleting: false, ...changes,
});

export const anUpgrade = (changes = {}) => ({
  id: "u1", kind: "image", extensions: [], target: { ...IMAGE, version: NEW }, started_by: "Platform", started_by_name: "", status: "RollingForward", started_at: AT, ended_at: null,
  cancel_requested_by: "", paused_by: "", only_failed: false, takes_failed: true, takes_newer: false, retry_skipped_by: "", policy: POLICY, progress: { successful: 0, failed: 0, in_progress: 0, pending: 0 }, error: null, breach: null, batches: [], ...changes,
});

export const aBatch = (number, finished_at = null) => ({ number, started_at: AT, finished_at, why: "20 % of 10 is 2, so at most 2." });

/** A board of these instances (a number: so many healthy ones on the old version). */
export function aBoard(instances = 10, { upgrade = null, ...set } = {}) {
  const list = typeof instances === "number" ? Array.from({ length: instances }, (_, id) => anInstance(id)) : instances;
  const body = { stream: "s", seq: 1, scale_set: aScaleSet(set), upgrade, instances: Object.fromEntries(list.map((one) => [one.id, one])) };
  return fromSnapshot("fleet/web", body, Date.parse(AT));
}

export const aDelta = (changes = {}) => ({ type: "delta", set: "fleet/web", stream: "s", since: 1, seq: 2, at: "2018-09-25T12:00:01.000Z", ...changes });

/** The board after a delta that it can take. */
export function after(board, changes) {
  const delta = aDelta({ since: board.seq, seq: board.seq + 1, ...changes });
  if (!follows(board, delta)) throw new Error("the delta does not follow");
  return applyDelta(board, delta);
}

export const statesOf = (board) => board.instances.map((one) => one.state);
