// What needs attention: narrower than "not green". Planned waits, opt-outs and what somebody switched off are quiet. Pure.

import { instancesOf } from "./board.js";
import { t } from "./catalogue.js";
import { isOfExtensions } from "./extensions.js";
import { percentText } from "./format.js";
import { idsIn } from "./ranges.js";
import { briefly, keyOf, reasonsIn, sentence, storyOf } from "./reasons.js";
import { names } from "./spans.js";
import { whyStopped } from "./why.js";

/**
 * @import { Board } from "./board.js"
 * @import { Summary } from "./summary.js"
 *
 * A way to the instances: those in these states, or those that the reason with this key holds.
 * @typedef {{ word: string, states: string[], reason?: string }} NeedAct
 *
 * Something that needs attention. `since`: ISO 8601, null where nobody knows.
 * @typedef {{ code: string, fill: string, glyph: string, text: string, since: string | null, acts: NeedAct[] }} Need
 */

const ORDER = ["failed", "rolled-back", "quarantined", "unhealthy", "unknown", "held", "pending"];
const FAILED = ["failed", "rolled-back"];
const BAD = ["unhealthy", "unknown", "missing", "failed", "rolled-back", "quarantined"];

/**
 * What needs attention in one scale set, the worst first.
 * @param {Board} board
 * @param {Summary} sum
 * @param {number} now in ms
 * @returns {Need[]}
 */
export function needsOf(board, sum, now) {
  if (board.scale_set.deleting) return [];
  const stop = stoppedUpgrade(board, sum);
  const found = [
    stop ?? overLimit(board),
    stop ? null : failedInstances(board),
    ...lastingReasons(board, now),
  ];
  const list = found.filter((need) => need !== null);
  return list.sort((a, b) => ORDER.indexOf(a.glyph) - ORDER.indexOf(b.glyph));
}

/**
 * How soon somebody must look, among the needs of all scale sets: the lower, the sooner. A failure comes before all else.
 * @param {Pick<Need, "fill" | "glyph">} need
 */
export const urgencyOf = ({ fill, glyph }) =>
  (fill === "failure" ? 0 : ORDER.length) + ORDER.indexOf(glyph);

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
 * @returns {Need | null}
 */
function stoppedUpgrade(board, sum) {
  const { upgrade, figures } = board;
  if (!upgrade?.error || !(figures.left_behind || lacksExtensions(upgrade))) return null;
  const bad = BAD.reduce((all, state) => all + (sum.counts[state] ?? 0), 0);
  const says = [whyStopped(upgrade), nextTry(board), unhealthyNow(figures.unhealthy)];
  const text = says.filter(Boolean).join(" ");
  return {
    code: "Stopped",
    fill: "failure",
    glyph: "failed",
    text,
    since: upgrade.ended_at,
    acts: see(bad, present(sum, BAD)),
  };
}

/**
 * Extensions come with another upgrade only: until there is one it is as the record says.
 * @param {Feed.Upgrade} upgrade
 */
function lacksExtensions(upgrade) {
  const counts = isOfExtensions(upgrade) ? upgrade.record?.counts : undefined;
  return counts !== undefined && counts.left + counts.failed > 0;
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
 * @returns {Need | null}
 */
function failedInstances({ instances }) {
  const list = instances.filter(({ state }) => FAILED.includes(state));
  if (!list.length) return null;
  const [{ failed_version: version }] = list,
    states = [...new Set(list.map(({ state }) => state))];
  return {
    code: "Failed",
    fill: "failure",
    glyph: "failed",
    text: t("needs.failed", { count: list.length, version, names: names(list) }),
    since: first(list.map(({ member }) => member?.ended_at)),
    acts: see(list.length, states),
  };
}

/**
 * More are unhealthy than the policy allows.
 * @param {Board} board
 * @returns {Need | null}
 */
function overLimit(board) {
  const { unhealthy, over_limit: over } = board.figures;
  if (!over) return null;
  const reason = reasonsIn(board).find(({ gauge }) => gauge === "unhealthy");
  const ill = instancesOf(board, idsIn(unhealthy.instances));
  return {
    code: "OverTheLimit",
    fill: "attention",
    glyph: "unhealthy",
    text: (reason ?? over).text,
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
 * The reasons that nothing but a person ends. Pauses, opt-outs, what is switched off and a stop of the fleet are meant so.
 * @param {Board} board
 * @param {number} now in ms
 * @returns {Need[]}
 */
function lastingReasons(board, now) {
  const list = reasonsIn(board).filter(({ needs_person_after: seconds, since }) => {
    if (typeof seconds !== "number") return false;
    return seconds === 0 || now - Date.parse(since) >= seconds * 1000;
  });
  return list.map((reason) => ({ ...storyOf(reason, board), acts: way(reason) }));
}

/**
 * @param {Feed.Reason} reason
 * @returns {NeedAct[]}
 */
function way(reason) {
  const count = reason.instances?.length ?? 0;
  return count ? [{ word: seeWord(count), states: [], reason: keyOf(reason) }] : [];
}
