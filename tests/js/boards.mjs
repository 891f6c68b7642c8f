// How the stories of the browser's side begin: instances, snapshots and deltas as docs/feed.md has them.

import { readFileSync } from "node:fs";

import { idsIn, sizeOf } from "../../static/js/ranges.js";
import { applyDelta, follows, fromSnapshot } from "../../static/js/state.js";

export const AT = "2018-09-25T12:00:00.000Z";
export const OLD = "16.04.1",
  NEW = "16.04.2";
export const POLICY = {
  max_batch_percent: 20,
  max_unhealthy_percent: 20,
  max_unhealthy_upgraded_percent: 20,
  pause_seconds: 0,
  words: [],
};
const IMAGE = { publisher: "Canonical", offer: "UbuntuServer", sku: "16.04-LTS" };

export const anInstance = (id, changes = {}) => ({
  id: String(id),
  name: `web_${id}`,
  zone: "",
  version: OLD,
  os_disk: `disk ${id}`,
  data_disks: [],
  power: "running",
  provisioning: "succeeded",
  extensions: [],
  health: "healthy",
  health_since: AT,
  health_began_at: AT,
  health_detail: "",
  operation: "",
  failed_version: "",
  approved_version: "",
  quarantined_at: null,
  missing_since: null,
  member: null,
  opt_out: null,
  ...changes,
});

export const aMember = (batch, state, changes = {}) => ({
  upgrade: "u1",
  instance: "",
  replacement: null,
  kind: "image",
  batch,
  state,
  swapped_at: null,
  ended_at: null,
  error_code: "",
  error_message: "",
  rollback_error: "",
  ...changes,
});
export const anOptOut = () => ({
  owner: "ada",
  reason: "holds sessions",
  scope: "until",
  created_at: AT,
  until: null,
  ending_by: "",
});

/** What comes with each code: as core/reason_kinds.py says, which test_no_rules.py holds it to. */
const KINDS = JSON.parse(readFileSync(new URL("kinds.json", import.meta.url), "utf8"));
const NEW_CODE = { face: { fill: "attention", glyph: "held" }, passes: false, explains: [] };
const kindOf = (code) => KINDS[code] ?? NEW_CODE;

export const aSentence = (text) => ({ text, template: text, params: {} });
/** What stopped an upgrade: Azure's words, and ours in few. */
export const aBreach = (few, changes = {}) => ({
  code: "MaxUnhealthyInstancePercentExceededInRollingUpgrade",
  ...aSentence("Rolling Upgrade failed."),
  brief: few ? aSentence(few) : null,
  instances: ["0"],
  exceeded: null,
  ...changes,
});
export const aReason = (code, changes = {}) => ({
  ...kindOf(code),
  code,
  text: `${code}.`,
  gate: "",
  since: AT,
  until: null,
  who: "operator",
  remedy: "an operator can override this",
  act: "",
  numbers: {},
  instances: null,
  ...changes,
});
/** What a look decided, with the reasons for it. */
export const aDecision = (...reasons) => ({ ...reasons[0], since: AT, reasons });

const AT_REST = { code: "NothingToDo", text: "Nothing to do.", since: AT, reasons: [] };
export const aScaleSet = ({
  latest_version = OLD,
  wanted_version = latest_version,
  decision = AT_REST,
  ...changes
} = {}) => ({
  resource_group: "fleet",
  name: "web",
  location: "westeurope",
  image: { ...IMAGE, version: "latest" },
  latest_version,
  wanted_version,
  withdrawn: [],
  capacity: 10,
  automatic_upgrade: true,
  extensions: [],
  policy: POLICY,
  probe: null,
  decision: { ...(decision.code && kindOf(decision.code)), ...decision },
  fleet_stop: null,
  deleting: false,
  ...changes,
});

export const anUpgrade = (changes = {}) => ({
  id: "u1",
  kind: "image",
  extensions: [],
  target: { ...IMAGE, version: NEW },
  started_by: "Platform",
  started_by_name: "",
  status: "RollingForward",
  started_at: AT,
  ended_at: null,
  cancel_requested_by: "",
  paused_by: "",
  only_failed: false,
  takes_failed: true,
  takes_newer: false,
  retry_skipped_by: "",
  policy: POLICY,
  progress: { successful: 0, failed: 0, in_progress: 0, pending: 0 },
  error: null,
  breach: null,
  batches: [],
  record: null,
  ...changes,
});

// --- what the board of the feed says ---

const ENGLISH = JSON.parse(
  readFileSync(new URL("../../upgrades/core/catalogue/en.json", import.meta.url), "utf8"),
);
/** What instances say of themselves: the end of the key, and who says it. */
export const aSaying = (key, instances) => ({
  key: `instance.${key}`,
  template: ENGLISH[`instance.${key}`],
  instances,
});
const saidIn = (states) =>
  Object.entries(states)
    .filter(([state]) => state !== "held")
    .map(([state, instances]) => aSaying(state.replaceAll("-", "_"), instances));

/** As core/gauges.py makes it. */
export function aGauge(instances = "", of = 10, limit = 20) {
  const count = sizeOf(instances),
    most = Math.floor((of * limit) / 100);
  return {
    count,
    of,
    percent: of ? (100 * count) / of : 0,
    limit_percent: limit,
    most,
    room: most - count,
    over: count > most,
    instances,
  };
}

/** A batch that began: its members by state, as ranges. */
export const aBatch = (number, members = {}, changes = {}) => ({
  number,
  instances: Object.values(members).join(),
  size: sizeOf(Object.values(members).filter(Boolean).join()),
  members,
  started_at: AT,
  finished_at: null,
  why: "20 % of 10 is 2.",
  ...changes,
});

export const aPlan = (number, instances, changes = {}) => ({
  number,
  instances,
  size: sizeOf(instances),
  zones: [],
  starts_at: null,
  ends_at: null,
  waits_for_approval: false,
  why: "20 % of 10 is 2.",
  ...changes,
});

export const aCurrent = (changes = {}) => ({
  current: 1,
  of: 5,
  step: "wait",
  since: AT,
  held: false,
  size: 2,
  replaced: 2,
  healthy: 0,
  ...changes,
});

export const aRecord = (batches, changes = {}) => ({
  batches,
  failed: aGauge(),
  unhealthy: aGauge(),
  progress: { up_to_date: 0, of: 10, percent: 0 },
  left: 0,
  counts: { succeeded: 0, failed: 0, left: 0 },
  ...changes,
});

/** A board on which the instances are in these states ({code: ranges}). */
export function figuresOf(states = {}, changes = {}) {
  const all = Object.values(states).filter(Boolean).join(),
    done = states.done ?? "",
    out = states["opted-out"] ?? "";
  const eligible = idsIn(all)
    .filter((id) => !idsIn(out).includes(id))
    .join();
  const counts = {
    total: sizeOf(all),
    counted: sizeOf(all),
    eligible: sizeOf(eligible),
    up_to_date: sizeOf(done),
    current: sizeOf(done),
    opted_out: sizeOf(out),
  };
  return {
    upgrade: null,
    target: "",
    states,
    says: saidIn(states),
    counts,
    behind: [],
    waiting: states.pending ?? "",
    eligible,
    up_to_date: done,
    left_behind: "",
    approval: null,
    unhealthy: aGauge("", counts.counted),
    over_limit: null,
    failed: null,
    batch: null,
    batches: [],
    planned: [],
    planned_more: 0,
    planned_by: null,
    ends: null,
    progress: {
      up_to_date: sizeOf(done),
      of: counts.eligible,
      percent: counts.eligible ? Math.floor((100 * sizeOf(done)) / counts.eligible) : null,
    },
    ...changes,
  };
}

const FIRST = ["failed", "quarantined", "unhealthy", "unknown", "held", "pending"];
const HELD = 20,
  RUNS = 30;

/** What needs a person, and how soon, as core/needs.py makes it. */
function needsIn(figures, { decision, deleting }, upgrade) {
  const { states } = figures,
    has = (...codes) => codes.some((code) => states[code]);
  if (deleting) return { needs: [], urgency: null };
  const found = [
    ...resultsIn(figures, upgrade),
    ...(decision.reasons ?? []).flatMap((reason, place) => lastingIn(reason, place)),
  ];
  const moves = figures.batch || has("queued", "upgrading", "verifying", "rolling-back");
  return {
    needs: found.sort((a, b) => a.urgency - b.urgency),
    urgency: has("held") ? HELD : moves ? RUNS : null,
  };
}

function aNeed(code, face, changes) {
  const urgency = face.fill === "failure" ? 0 : 1 + FIRST.indexOf(face.glyph);
  return { code, face, urgency, begins_at: null, reason: null, ...changes };
}

function resultsIn({ states, left_behind, over_limit }, upgrade) {
  const failure = { fill: "failure", glyph: "failed" },
    counts = (upgrade?.kind === "extensions" && upgrade.record?.counts) || { left: 0, failed: 0 };
  if (upgrade?.error && (left_behind || counts.left + counts.failed))
    return [aNeed("Stopped", failure)];
  return [
    ...(over_limit ? [aNeed("OverTheLimit", { fill: "attention", glyph: "unhealthy" })] : []),
    ...(states.failed || states["rolled-back"] ? [aNeed("Failed", failure)] : []),
  ];
}

function lastingIn({ code, face, since, needs_person_after: seconds }, reason) {
  if (typeof seconds !== "number") return [];
  const at = seconds ? new Date(Date.parse(since) + 1000 * seconds).toISOString() : null;
  return [aNeed(code, face, { begins_at: at, reason })];
}

/** The scale set as the page knows it; `figures` are those of the board (by default all are up to date). */
export function aBoard(instances = 10, { upgrade = null, figures, ...set } = {}) {
  const list =
    typeof instances === "number"
      ? Array.from({ length: instances }, (_, id) => anInstance(id))
      : instances;
  const scale_set = aScaleSet(set);
  const said =
    figures === undefined ? figuresOf({ done: list.map((one) => one.id).join() }) : figures;
  const board = said && { ...said, ...needsIn(said, scale_set, upgrade) };
  const body = {
    stream: "s",
    seq: 1,
    scale_set,
    upgrade,
    board,
    instances: Object.fromEntries(list.map((one) => [one.id, one])),
  };
  return fromSnapshot("fleet/web", body, Date.parse(AT));
}

export const aDelta = (changes = {}) => ({
  type: "delta",
  set: "fleet/web",
  stream: "s",
  since: 1,
  seq: 2,
  at: "2018-09-25T12:00:01.000Z",
  ...changes,
});

/** The board after a delta that it can take. */
export function after(board, changes) {
  const delta = aDelta({ since: board.seq, seq: board.seq + 1, ...changes });
  if (!follows(board, delta)) throw new Error("the delta does not follow");
  return applyDelta(board, delta);
}

export const statesOf = (board) => board.instances.map((one) => one.state);
