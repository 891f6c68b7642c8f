// What needs attention: the needs of the board (docs/feed.md), which come in their order, in words and with ways to the instances. Pure.

import { instancesOf } from "./board.js";
import { t } from "./catalogue.js";
import { percentText } from "./format.js";
import { idsIn } from "./ranges.js";
import { faceOfReason } from "./reason-faces.js";
import { briefly, keyOf, reasonsIn, sentence } from "./reasons.js";
import { names } from "./spans.js";
import { whyStopped } from "./why.js";
import "./texts-fleet.js";

/**
 * @import { Board } from "./board.js"
 * @import { Summary } from "./summary.js"
 *
 * A way to the instances: those in these states, or those that the reason with this key holds.
 * @typedef {{ word: string, states: string[], reason?: string }} NeedAct
 *
 * Something that needs attention. `since`: ISO 8601, null where nobody knows; `urgency`: the lower, the sooner.
 * @typedef {{ code: string, fill: string, glyph: string, urgency: number, text: string, since: string | null, acts: NeedAct[] }} Need
 *
 * @typedef {Pick<Need, "text" | "since" | "acts">} Told
 */

const FAILED = ["failed", "rolled-back"];
const BAD = ["unhealthy", "unknown", "missing", "failed", "rolled-back", "quarantined"];

/**
 * Those that are no reasons.
 * @type {Record<string, (board: Board, sum: Summary) => Told>}
 */
const TELLERS = {
  Stopped: stoppedUpgrade,
  Failed: failedInstances,
  OverTheLimit: overLimit,
};

/**
 * What needs attention in one scale set, the worst first.
 * @param {Board} board
 * @param {Summary} sum
 * @param {number} now in ms
 * @returns {Need[]}
 */
export function needsOf(board, sum, now) {
  const begun = (board.figures.needs ?? []).filter(
    ({ begins_at: at }) => at === null || Date.parse(at) <= now,
  );
  return begun.flatMap(({ code, face, urgency, reason: place }) => {
    const told = place === null ? TELLERS[code]?.(board, sum) : lasting(board, place);
    return told ? { code, ...faceOfReason({ code, face }), urgency, ...told } : [];
  });
}

/** @param {number} count */
const seeWord = (count) => t("reason.see", { count });

/**
 * @param {Summary} sum
 * @param {string[]} states
 */
const present = ({ counts }, states) => states.filter((state) => counts[state]);

/**
 * @param {number} count
 * @param {string[]} states
 * @returns {NeedAct[]}
 */
const see = (count, states) => (count ? [{ word: seeWord(count), states }] : []);

/**
 * An upgrade that stopped by itself and left something behind. What is unhealthy now belongs to the same story.
 * @param {Board} board
 * @param {Summary} sum
 * @returns {Told}
 */
function stoppedUpgrade(board, sum) {
  const { upgrade, figures } = board,
    bad = BAD.reduce((all, state) => all + (sum.counts[state] ?? 0), 0);
  const says = [upgrade && whyStopped(upgrade), nextTry(board), unhealthyNow(figures.unhealthy)];
  return {
    text: says.filter(Boolean).join(" "),
    since: upgrade?.ended_at ?? null,
    acts: see(bad, present(sum, BAD)),
  };
}

/**
 * When it is tried again, where that is known.
 * @param {Board} board
 */
function nextTry(board) {
  const wait = reasonsIn(board).find((reason) => reason.tries_again);
  return wait ? sentence(briefly(wait)) : "";
}

/** @param {Feed.Gauge} gauge */
const unhealthyNow = ({ count, of, percent }) =>
  count ? t("needs.unhealthy_now", { share: percentText(percent), count, of }) : "";

/**
 * Instances on which the last upgrade failed.
 * @param {Board} board
 * @returns {Told}
 */
function failedInstances({ instances }) {
  const list = instances.filter(({ state }) => FAILED.includes(state));
  const version = list[0]?.failed_version ?? "",
    states = [...new Set(list.map(({ state }) => state))];
  return {
    text: t("needs.failed", { count: list.length, version, names: names(list) }),
    since: first(list.map(({ member }) => member?.ended_at)),
    acts: see(list.length, states),
  };
}

/**
 * More are unhealthy than the policy allows.
 * @param {Board} board
 * @returns {Told}
 */
function overLimit(board) {
  const { unhealthy, over_limit: over } = board.figures;
  const reason = reasonsIn(board).find(({ gauge }) => gauge === "unhealthy");
  const ill = instancesOf(board, idsIn(unhealthy.instances));
  return {
    text: (reason ?? over)?.text ?? "",
    since: first(ill.map(({ health_began_at }) => health_began_at)),
    acts: reason ? way(reason) : see(unhealthy.count, BAD),
  };
}

/**
 * The first of these moments; null where there is none.
 * @param {(string | null | undefined)[]} moments
 */
const first = (moments) => moments.filter((at) => typeof at === "string").sort()[0] ?? null;

/**
 * A reason that has lasted so long that somebody has to act.
 * @param {Board} board
 * @param {number} place among the reasons of the decision
 * @returns {Told | null}
 */
function lasting(board, place) {
  const reason = reasonsIn(board)[place];
  return reason ? { text: sentence(reason.text), since: reason.since, acts: way(reason) } : null;
}

/**
 * @param {Feed.Reason} reason
 * @returns {NeedAct[]}
 */
function way(reason) {
  const count = reason.instances?.length ?? 0;
  return count ? [{ word: seeWord(count), states: [], reason: keyOf(reason) }] : [];
}
