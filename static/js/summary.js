// One scale set in figures, and the whole fleet: those of the boards, added up. Pure.

import { FILLS, STATES } from "./faces.js";
import { number } from "./format.js";
import { sizeOf } from "./ranges.js";
import { runs } from "./state.js";

const MOVING = ["queued", "upgrading", "verifying", "rolling-back"];

/** What a row of the fleet page says of a board. */
export function summaryOf(board) {
  const { figures, instances } = board,
    { counts, unhealthy } = figures;
  const states = Object.fromEntries(
    Object.entries(figures.states).map(([code, ranges]) => [code, sizeOf(ranges)]),
  );
  return {
    key: board.key,
    running: runs(board),
    target: figures.target,
    behind: figures.behind,
    counts: states,
    size: counts.total,
    shown: instances.length,
    eligible: counts.eligible,
    done: counts.up_to_date,
    current: counts.current,
    moving: MOVING.reduce((sum, code) => sum + (states[code] ?? 0), 0),
    sick: unhealthy.count,
    out: counts.opted_out,
  };
}

/** The version that its instances are to get; "" where there is none, or where an upgrade of extensions runs. */
export const targetOf = ({ figures }) => figures.target;

/** "16.04.1 and 1 more → 16.04.2": what those behind run, the commonest first, and what is wanted. Extensions have no version. */
export function versionsIn({ behind, target: now }, wanted) {
  const target = now || wanted;
  if (!behind.length) return target || "none published";
  const others = behind.length > 1 ? ` and ${number(behind.length - 1)} more` : "";
  return `${behind[0][0]}${others}${target ? ` → ${target}` : ""}`;
}

/** "60 instances: 10 upgrading, 50 up to date" */
export function inWords({ size, counts }) {
  const codes = Object.keys(STATES).filter((code) => counts[code]);
  const parts = codes.map((code) => `${number(counts[code])} ${STATES[code].word.toLowerCase()}`);
  return `${number(size)} ${size === 1 ? "instance" : "instances"}${parts.length ? `: ${parts.join(", ")}` : ""}`;
}

const ADDED = ["size", "eligible", "current", "moving", "sick", "out"];

/** The fleet's headline numbers, and how many instances have each of the six fills. */
export function totalsOf(sums) {
  /** @type {Record<string, any>} */
  const total = Object.fromEntries(ADDED.map((name) => [name, 0]));
  total.fills = Object.fromEntries(FILLS.map((fill) => [fill, 0]));
  for (const sum of sums) {
    for (const name of ADDED) total[name] += sum[name];
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

/** The one that the address names; "" where it names none. */
export function pickedIn(query) {
  const name = new URLSearchParams(query).get("only") ?? "";
  return Object.hasOwn(PICKS, name) ? name : "";
}

/** Rows stand in three classes: those that need attention, those that move, the others. */
export const classOf = (sum, needs) => (needs.length ? 0 : sum.running || sum.moving ? 1 : 2);
