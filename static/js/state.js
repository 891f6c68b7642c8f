// What a screen knows of one scale set (a "board"), and how a message of the feed changes it. Pure: runs under Node too.

/** The twelve states in the order of the legend; fill is one of the six. */
export const STATES = {
  failed: { word: "Failed", fill: "failure" },
  unhealthy: { word: "Unhealthy", fill: "attention" },
  held: { word: "Held", fill: "attention" },
  "rolling-back": { word: "Rolling back", fill: "attention" },
  "rolled-back": { word: "Rolled back", fill: "attention" },
  upgrading: { word: "Upgrading", fill: "active" },
  verifying: { word: "Verifying", fill: "active" },
  queued: { word: "Queued", fill: "waiting" },
  pending: { word: "Pending", fill: "waiting" },
  done: { word: "Up to date", fill: "done" },
  "opted-out": { word: "Opted out", fill: "out" },
  unknown: { word: "Unknown", fill: "waiting" },
};
export const FILLS = ["done", "active", "attention", "failure", "waiting", "out"];
export const WORST_FIRST = ["failed", "unhealthy", "held", "rolling-back", "rolled-back", "unknown", "upgrading", "verifying", "queued", "pending", "opted-out", "done"];

/** The same cells by health instead of progress. */
export const HEALTH = {
  unhealthy: { word: "Unhealthy", fill: "attention", glyph: "unhealthy" },
  initializing: { word: "Initializing", fill: "active", glyph: "verifying" },
  healthy: { word: "Healthy", fill: "done", glyph: "done" },
  unknown: { word: "Unknown", fill: "waiting", glyph: "unknown" },
};

/** The decisions that hold those who are still to come, though they would be upgraded if all were well. */
const HOLDS = new Set(["HealthIsStale", "LastAttemptStopped"]);

/** How a cell looks under the viewer's choice of fill: code, word, fill, glyph. */
export function faceOf(instance, by = "state") {
  const code = by === "health" ? instance.health : instance.state;
  const face = by === "health" ? HEALTH[code] : STATES[code];
  return { code, word: face.word, fill: face.fill, glyph: face.glyph ?? code };
}

export const stateFace = (code) => ({ code, glyph: code, ...STATES[code] });

/** What every instance's state depends on besides the instance itself. */
function contextOf(scaleSet, upgrade) {
  const runs = Boolean(upgrade && !upgrade.ended_at);
  return {
    upgrade: upgrade?.id ?? null,
    runs,
    target: runs ? upgrade.target.version : scaleSet?.latest_version ?? "",
    holds: HOLDS.has(scaleSet?.decision?.code),
  };
}

const failedOn = (instance, target) => instance.provisioning === "failed" || (instance.failed_version && instance.failed_version === target);
const IN_FLIGHT = new Set(["queued", "upgrading", "verifying"]);

/** Which of the twelve states an instance is in. What is bad is never hidden behind what is merely true. */
export function stateOf(instance, context) {
  const member = instance.member && instance.member.upgrade === context.upgrade ? instance.member.state : "";
  if (context.runs && IN_FLIGHT.has(member)) return member;
  if (instance.operation || ["creating", "updating", "deleting"].includes(instance.provisioning)) return "upgrading";
  if (failedOn(instance, context.target)) return "failed";
  if (instance.health === "unhealthy") return "unhealthy";
  if (instance.health === "unknown") return "unknown";
  if (instance.opt_out) return "opted-out";
  if (!context.target || instance.version === context.target) return instance.health === "initializing" ? "verifying" : "done";
  return context.holds ? "held" : "pending";
}

const numbered = (raw, context) => ({
  ...raw,
  number: Number(raw.id),
  batch: raw.member && raw.member.upgrade === context.upgrade ? raw.member.batch + 1 : null,
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

export const eligible = (instances) => instances.filter((one) => !one.opt_out);
export const runs = (board) => Boolean(board.upgrade && !board.upgrade.ended_at);
export const percent = (part, whole) => (whole ? (100 * part) / whole : 0);
export const policyOf = (board) => (runs(board) ? board.upgrade.policy : board.scale_set.policy);

/** On the newest image, and well: what progress counts. */
export const isDone = (one) => one.state === "done";

/** Unhealthy against the limit, for the whole set (all instances count) and for those upgraded so far. Strictly more stops. */
export function safety(board) {
  const policy = policyOf(board);
  const sick = (one) => one.health === "unhealthy" || one.health === "unknown";
  const tried = board.instances.filter((one) => one.batch !== null && ["succeeded", "failed"].includes(one.member.state));
  const bad = tried.filter((one) => one.member.state === "failed" || sick(one));
  return {
    all: reading(board.instances.filter(sick).length, board.instances.length, policy.max_unhealthy_percent),
    upgraded: reading(bad.length, tried.length, policy.max_unhealthy_upgraded_percent),
  };
}

function reading(count, of, limit) {
  const most = Math.floor((of * limit) / 100);
  return { count, of, limit, percent: percent(count, of), room: most - count, over: count > most };
}
