// What a screen knows of one scale set (a "board"), and how a message of the feed changes it. Pure: runs under Node too.

import { awaited, isApproved } from "./approval.js";
import { hasAll, isOfExtensions } from "./extensions.js";
import { isExtra, proper } from "./surges.js";

/** The states in the order of the legend; fill is one of the six. */
export const STATES = {
  failed: { word: "Failed", fill: "failure" },
  unhealthy: { word: "Unhealthy", fill: "attention" },
  quarantined: { word: "Quarantined", fill: "attention" },
  held: { word: "Held", fill: "attention" },
  "rolling-back": { word: "Rolling back", fill: "attention" },
  "rolled-back": { word: "Rolled back", fill: "attention" },
  upgrading: { word: "Upgrading", fill: "active" },
  verifying: { word: "Verifying", fill: "active" },
  queued: { word: "Queued", fill: "waiting" },
  pending: { word: "Pending", fill: "waiting" },
  done: { word: "Up to date", fill: "done" },
  "opted-out": { word: "Opted out", fill: "out" },
  "switched-off": { word: "Switched off", fill: "waiting" },
  unknown: { word: "Unknown", fill: "waiting" },
};
export const FILLS = ["done", "active", "attention", "failure", "waiting", "out"];
export const WORST_FIRST = ["failed", "quarantined", "unhealthy", "rolled-back", "rolling-back", "unknown", "held", "upgrading", "verifying", "queued", "pending", "switched-off", "opted-out", "done"];

/** The same cells by health instead of progress. */
export const HEALTH = {
  unhealthy: { word: "Unhealthy", fill: "attention", glyph: "unhealthy" },
  initializing: { word: "Initializing", fill: "active", glyph: "verifying" },
  healthy: { word: "Healthy", fill: "done", glyph: "done" },
  unknown: { word: "Unknown", fill: "waiting", glyph: "unknown" },
};

/** The decisions (docs/rules.md) that hold those who are still to come, though they would be upgraded if all were well. */
const HOLDS = new Set(["TooManyUnhealthy", "HealthIsStale", "FleetStopped", "Paused", "WaitingToTryAgain", "LastAttemptStopped"]);

/** How a cell looks under the viewer's choice of fill: code, word, fill, glyph. */
export function faceOf(instance, by = "state") {
  const code = by === "health" ? instance.health : instance.state;
  const face = by === "health" ? HEALTH[code] : STATES[code];
  return { code, word: face.word, fill: face.fill, glyph: face.glyph ?? code };
}

export const stateFace = (code) => ({ code, glyph: code, ...STATES[code] });

/** What every instance's state depends on besides the instance itself; `wanted`: the extensions that it is to have, where those are upgraded. */
function contextOf(scaleSet, upgrade) {
  const runs = Boolean(upgrade && !upgrade.ended_at);
  return {
    upgrade: upgrade?.id ?? null,
    runs,
    target: runs ? upgrade.target.version : scaleSet?.wanted_version ?? "",
    wanted: runs && isOfExtensions(upgrade) ? upgrade.extensions : null,
    holds: HOLDS.has(scaleSet?.decision?.code),
    awaits: awaited(scaleSet, upgrade),
  };
}

const SICK = new Set(["unhealthy", "unknown"]);
const failedOn = (instance, target) => instance.provisioning === "failed" || (instance.failed_version && instance.failed_version === target);
const IN_FLIGHT = { queued: "queued", upgrading: "upgrading", verifying: "verifying", rolling_back: "rolling-back" };
/** In an upgrade of the extensions: of those no failure is remembered once it has ended. */
const failedNow = ({ member }, { upgrade, wanted }) => wanted && member?.upgrade === upgrade && member.state === "failed";
/** It has its old OS disk again: it failed, and runs. */
const isBack = (instance, target) => instance.member?.state === "rolled_back" && instance.version !== target;

/** Which of the states an instance is in. What is bad is never hidden behind what is merely true. */
export function stateOf(instance, context) {
  return underWay(instance, context) ?? trouble(instance, context) ?? standing(instance, context);
}

function underWay(instance, context) {
  const member = instance.member && instance.member.upgrade === context.upgrade ? instance.member.state : "";
  if (context.runs && IN_FLIGHT[member]) return IN_FLIGHT[member];
  if (instance.operation === "restore") return "rolling-back";
  return instance.operation || ["creating", "updating", "deleting"].includes(instance.provisioning) ? "upgrading" : null;
}

function trouble(instance, context) {
  const { target } = context;
  if (instance.quarantined_at) return "quarantined";
  const failed = failedOn(instance, target) || failedNow(instance, context), back = isBack(instance, target);
  if (failed && !back) return "failed";
  if (instance.power === "stopped") return "switched-off";
  if (SICK.has(instance.health)) return instance.health;
  return failed ? "rolled-back" : null;
}

function standing(instance, { target, wanted, holds, awaits }) {
  if (instance.opt_out) return "opted-out";
  if (wanted ? hasAll(instance, wanted) : !target || instance.version === target) return instance.health === "initializing" ? "verifying" : "done";
  return holds || !isApproved(instance, awaits) ? "held" : "pending";
}

const numbered = (raw, context) => ({
  ...raw,
  number: Number(raw.id),
  batch: raw.member && raw.member.upgrade === context.upgrade ? raw.member.batch : null,
  state: stateOf(raw, context),
});

export const isReady = (board) => board.scale_set !== null;

export function emptyBoard(key) {
  return { key, stream: "", seq: 0, at: 0, scale_set: null, upgrade: null, instances: [], places: new Map(), touched: new Set(), rebuilt: false };
}

/** A whole snapshot (docs/feed.md) in place of whatever was known. */
export function fromSnapshot(key, body, at = 0) {
  const context = contextOf(body.scale_set, body.upgrade);
  const instances = Object.values(body.instances).map((raw) => numbered(raw, context)).sort((a, b) => a.number - b.number);
  return {
    key, stream: body.stream, seq: body.seq, at, scale_set: body.scale_set, upgrade: body.upgrade, instances,
    places: placesOf(instances), touched: new Set(instances.keys()), rebuilt: true,
  };
}

const placesOf = (instances) => new Map(instances.map((one, place) => [one.id, place]));

/** May this delta be applied to this board? If not, and it is not an old one, the board has missed something. */
export const follows = (board, delta) => delta.stream === board.stream && delta.since <= board.seq && board.seq < delta.seq;

/** The next board after a delta that `follows`: whole resources, replaced by id. `touched`: the places whose cells changed. */
export function applyDelta(board, delta) {
  const scaleSet = delta.scale_set ?? board.scale_set;
  const upgrade = delta.upgrade ?? board.upgrade;
  const context = contextOf(scaleSet, upgrade);
  const before = contextOf(board.scale_set, board.upgrade);
  const changed = new Map((delta.instances ?? []).map((raw) => [raw.id, numbered(raw, context)]));
  const gone = new Set(delta.removed ?? []);
  const next = { ...board, seq: delta.seq, at: Date.parse(delta.at), scale_set: scaleSet, upgrade };
  const isNew = [...changed.keys()].some((id) => !board.places.has(id));
  if (gone.size || isNew) return rebuilt(next, board, changed, gone, context);
  return replaced(next, board, changed, JSON.stringify(context) !== JSON.stringify(before) && context);
}

function rebuilt(next, board, changed, gone, context) {
  const kept = board.instances.filter((one) => !gone.has(one.id) && !changed.has(one.id)).map((one) => numbered(one, context));
  const instances = [...kept, ...changed.values()].sort((a, b) => a.number - b.number);
  return { ...next, instances, places: placesOf(instances), touched: new Set(instances.keys()), rebuilt: true };
}

function replaced(next, board, changed, newContext) {
  const touched = new Set();
  const instances = board.instances.slice();
  if (newContext) {
    board.instances.forEach((one, place) => {
      const now = numbered(one, newContext);
      if (now.state !== one.state || now.batch !== one.batch) { instances[place] = now; touched.add(place); }
    });
  }
  for (const [id, one] of changed) {
    instances[board.places.get(id)] = one;
    touched.add(board.places.get(id));
  }
  return { ...next, instances, touched, rebuilt: false };
}

export function countBy(instances, key) {
  const counts = {};
  for (const instance of instances) counts[key(instance)] = (counts[key(instance)] ?? 0) + 1;
  return counts;
}

export const eligible = (instances) => proper(instances).filter((one) => !one.opt_out);
export const runs = (board) => Boolean(board.upgrade && !board.upgrade.ended_at);
export const percent = (part, whole) => (whole ? (100 * part) / whole : 0);
export const policyOf = (board) => (runs(board) ? board.upgrade.policy : board.scale_set.policy);

/** On the newest image, and well: what progress counts. */
export const isDone = (one) => one.state === "done";

/** There is no machine of it: it could not be made, is gone at the provider, or is being made. */
export const isMissing = (one) => Boolean(one.missing_since) || one.operation === "create";

/** All instances in the sense of every limit: those that are being removed, replace nobody (yet), are switched off or missing count for nothing. */
export const counted = (instances) => instances.filter(counts);
const counts = (one) => one.power !== "stopped" && one.operation !== "delete" && one.provisioning !== "deleting" && !isExtra(one) && !isMissing(one);
export const isSick = (one) => counts(one) && SICK.has(one.health);

const FAILED = new Set(["failed", "rolling_back", "rolled_back"]); // put back or not
/** Did it fail in the upgrade that its `batch` is of? */
export const hasFailed = (one) => one.batch !== null && FAILED.has(one.member.state);

/** Unhealthy against the limit, for the whole set (all that count) and for those upgraded so far. Strictly more stops. */
export function safety(board) {
  const policy = policyOf(board), all = counted(board.instances);
  const tried = proper(board.instances).filter((one) => hasFailed(one) || (one.batch !== null && one.member.state === "succeeded"));
  const bad = tried.filter((one) => hasFailed(one) || isSick(one));
  return {
    all: reading(all.filter(isSick).length, all.length, policy.max_unhealthy_percent),
    upgraded: reading(bad.length, tried.length, policy.max_unhealthy_upgraded_percent),
  };
}

function reading(count, of, limit) {
  const most = Math.floor((of * limit) / 100);
  return { count, of, limit, percent: percent(count, of), room: most - count, over: count > most };
}
