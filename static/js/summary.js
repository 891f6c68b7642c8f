// One scale set in figures, and the whole fleet: counted, never stored. Pure.

import { runsExtensions } from "./extensions.js";
import { FILLS, isSick, STATES, runs } from "./state.js";
import { proper } from "./surges.js";

const MOVING = new Set(["queued", "upgrading", "verifying", "rolling-back"]);

/** What a row of the fleet page says of a board; one walk over its instances. */
export function summaryOf(board) {
  const { scale_set: set } = board, instances = proper(board.instances);
  const sum = {
    key: board.key, size: instances.length, running: runs(board), latest: set.wanted_version, target: targetOf(board),
    counts: {}, versions: {}, done: 0, eligible: 0, current: 0, moving: 0, sick: 0, out: 0, missing: 0,
  };
  for (const one of instances) add(sum, one);
  return sum;
}

function add(sum, one) {
  sum.counts[one.state] = (sum.counts[one.state] ?? 0) + 1;
  sum.versions[one.version] = (sum.versions[one.version] ?? 0) + 1;
  if (one.state === "done") sum.done += 1;
  if (MOVING.has(one.state)) sum.moving += 1;
  if (isSick(one)) sum.sick += 1;
  if (one.missing_since) sum.missing += 1;
  if (one.opt_out) return void (sum.out += 1);
  sum.eligible += 1;
  if (one.version === sum.latest) sum.current += 1;
}

/** The version that its instances are to get: of the upgrade that runs and brings one, else the one that the scale set wants. */
export const targetOf = (board) => (runs(board) && !runsExtensions(board) ? board.upgrade.target.version : board.scale_set.wanted_version);

/** The versions that are not the target, the commonest first. */
export function behind({ versions, target }) {
  return Object.entries(versions).filter(([version]) => version && version !== target).sort((a, b) => b[1] - a[1]).map(([version]) => version);
}

/** "60 instances: 50 up to date, 10 upgrading" */
export function inWords({ size, counts, missing = 0 }) {
  const parts = Object.keys(STATES).filter((code) => counts[code]).map((code) => `${counts[code]} ${STATES[code].word.toLowerCase()}`);
  return `${size} ${size === 1 ? "instance" : "instances"}${missing ? `, ${missing} without a machine` : ""}${parts.length ? `: ${parts.join(", ")}` : ""}`;
}

/** The fleet's headline numbers, and how many instances have each of the six fills. */
export function totalsOf(sums) {
  const total = { size: 0, eligible: 0, current: 0, moving: 0, sick: 0, out: 0, fills: Object.fromEntries(FILLS.map((fill) => [fill, 0])) };
  for (const sum of sums) {
    for (const name of ["size", "eligible", "current", "moving", "sick", "out"]) total[name] += sum[name];
    for (const [code, n] of Object.entries(sum.counts)) total.fills[STATES[code].fill] += n;
  }
  return total;
}

/** Which scale sets a headline number counts something in: the filter behind it. */
export const PICKS = {
  latest: (sum) => sum.current > 0,
  moving: (sum) => sum.moving > 0,
  bad: (sum) => sum.sick > 0,
  out: (sum) => sum.out > 0,
  needs: (_, needs) => needs.length > 0,
};

/** Rows stand in three classes: those that need a person, those that move, the others. */
export const classOf = (sum, needs) => (needs.length ? 0 : sum.running || sum.moving ? 1 : 2);
