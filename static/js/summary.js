// One scale set in figures, and the whole fleet: those of the boards, added up. Pure.

import { runs } from "./board.js";
import { t } from "./catalogue.js";
import { FILLS, STATES } from "./faces.js";
import { LANGUAGE } from "./locale.js";
import { sizeOf } from "./ranges.js";

/**
 * @import { Board } from "./board.js"
 * @import { Need } from "./needs.js"
 */

const MOVING = ["queued", "upgrading", "verifying", "rolling-back"];

/**
 * What a row of the fleet page says of a board. `counts`: how many instances are in each state; `shown`: how many the page knows.
 * @typedef {ReturnType<typeof summaryOf>} Summary
 */

/** @param {Board} board */
export function summaryOf(board) {
  const { figures, instances } = board,
    { counts, unhealthy } = figures;
  /** @type {Record<string, number>} */
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

/**
 * The version that its instances are to get; "" where there is none, or where an upgrade of extensions runs.
 * @param {Pick<Board, "figures">} board
 */
export const targetOf = ({ figures }) => figures.target;

/**
 * "60 instances: 10 upgrading, 50 up to date"
 * @param {Summary} sum
 */
export function inWords({ size, counts }) {
  const codes = Object.keys(STATES).filter((code) => counts[code]);
  const parts = codes.map((code) => {
    const state = STATES[code].word.toLocaleLowerCase(LANGUAGE);
    return t("summary.in_state", { count: counts[code], state });
  });
  return t("summary.instances", { count: size, states: parts.join(", ") });
}

/**
 * The fleet's headline numbers, and how many instances have each of the six fills.
 * @param {Summary[]} sums
 */
export function totalsOf(sums) {
  const total = { size: 0, eligible: 0, current: 0, moving: 0, sick: 0, out: 0 };
  /** @type {Record<string, number>} */
  const fills = Object.fromEntries(FILLS.map((fill) => [fill, 0]));
  for (const sum of sums) {
    for (const name of /** @type {(keyof typeof total)[]} */ (Object.keys(total)))
      total[name] += sum[name];
    for (const [code, n] of Object.entries(sum.counts)) fills[STATES[code].fill] += n;
  }
  return { ...total, fills };
}

/**
 * Which scale sets a headline number counts something in: the filter behind it.
 * @satisfies {Record<string, (sum: Summary, needs: Need[]) => boolean>}
 */
export const PICKS = {
  latest: (/** @type {Summary} */ sum) => sum.current > 0,
  moving: (/** @type {Summary} */ sum) => sum.moving > 0,
  bad: (/** @type {Summary} */ sum) => sum.sick > 0,
  out: (/** @type {Summary} */ sum) => sum.out > 0,
  needs: (/** @type {Summary} */ _, /** @type {Need[]} */ needs) => needs.length > 0,
};

/** @typedef {keyof typeof PICKS} Headline */

/**
 * The headline number that the address names; "" where it names none.
 * @param {string} query
 * @returns {Headline | ""}
 */
export function pickedIn(query) {
  const name = new URLSearchParams(query).get("only") ?? "";
  return Object.hasOwn(PICKS, name) ? /** @type {Headline} */ (name) : "";
}

/**
 * Rows stand in three classes: those that need attention, those that move, the others.
 * @param {Summary} sum
 * @param {Need[]} needs
 */
export const classOf = (sum, needs) => (needs.length ? 0 : sum.running || sum.moving ? 1 : 2);
