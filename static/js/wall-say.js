// What a wall says: one sentence, the current reason, when it ends. The words and numbers are those of the feed's boards. Pure.

import { runs } from "./board.js";
import { t } from "./catalogue.js";
import { aboutAt, number, percentText, zoneName } from "./format.js";
import { ahead } from "./spans.js";
import { statusOf } from "./status.js";
import { totalsOf } from "./summary.js";
import { reasonsOf } from "./why.js";
import "./texts-wall.js";

/**
 * @import { Counted } from "./fleet-counts.js"
 *
 * The sentence, and under it a reason with its mark.
 * @typedef {{ sentence: string, fill: string, glyph: string, reason: string }} Says
 */

/** The fills in the order of the big counts, each with the glyph of its commonest state. */
export const COUNTED = [
  { fill: "done", glyph: "done", word: t("wall.done") },
  { fill: "active", glyph: "upgrading", word: t("wall.active") },
  { fill: "waiting", glyph: "pending", word: t("wall.waiting") },
  { fill: "attention", glyph: "unhealthy", word: t("wall.attention") },
  { fill: "failure", glyph: "failed", word: t("wall.failure") },
  { fill: "out", glyph: "opted-out", word: t("wall.out") },
];

/**
 * One scale set.
 * @param {Counted} entry
 * @returns {Says}
 */
export function setSays(entry) {
  return { sentence: sentenceOf(entry), ...reasonOf(entry) };
}

/** @param {Counted} entry */
function sentenceOf({ board, needs, sum }) {
  const { figures, upgrade } = board,
    share = shareOf(figures.progress.percent);
  if (runs(board)) {
    const { word, goesOn } = statusOf(board),
      { current = 0, of = 0 } = figures.batch ?? {};
    return t(goesOn ? "wall.rolls" : "wall.held_at", { word, share, current, of });
  }
  if (upgrade?.error && needs.length)
    return t("wall.stopped_at", { word: statusOf(board).word, share });
  if (needs.length) return t("wall.needs_a_person", { share });
  if (sum.counts.held) return t("wall.stopped_at", { word: t("state.held"), share });
  if (!sum.eligible) return t("wall.nothing_eligible");
  if (sum.done === sum.eligible) return t("wall.all_done", { count: sum.eligible });
  return t("wall.share_done", { share, left: sum.eligible - sum.done });
}

/** @param {number | null} percent */
const shareOf = (percent) => (percent === null ? "–" : percentText(percent));

/**
 * What needs a person comes before what the engine waits for.
 * @param {Counted} entry
 */
function reasonOf({ board, needs }) {
  const [first] = [...needs, ...reasonsOf(board)];
  return { fill: first.fill, glyph: first.glyph, reason: first.text };
}

/**
 * All of them together: how many need a person, or are being upgraded, and the worst of what there is.
 * @param {Counted[]} fleet
 * @param {Counted[]} worst those that are to be looked at, the worst first
 * @returns {Says}
 */
export function fleetSays(fleet, worst) {
  const { eligible, current } = totalsOf(fleet.map(({ sum }) => sum)),
    share = eligible ? percentText(Math.floor((100 * current) / eligible)) : "–";
  const of = fleet.length,
    needing = worst.filter(({ needs }) => needs.length).length,
    running = fleet.filter(({ board }) => runs(board)).length;
  const values = { share, of, needing, running };
  if (!of) return { sentence: t("wall.empty"), fill: "waiting", glyph: "unknown", reason: "" };
  if (!worst.length)
    return {
      sentence: t("wall.calm", values),
      fill: "done",
      glyph: "done",
      reason: t("wall.nobody"),
    };
  const key = needing ? "wall.fleet_needs" : running ? "wall.fleet_runs" : "wall.fleet_held";
  const { reason, fill, glyph } = reasonOf(worst[0]),
    set = worst[0].board.scale_set.name;
  return {
    sentence: t(key, { ...values, held: worst.length }),
    fill,
    glyph,
    reason: t("wall.of_set", { set, reason }),
  };
}

/**
 * When it ends, as a range, and in which zone; of several the one that ends last. Null where nothing runs.
 * @param {Counted[]} shown
 * @param {number} now
 * @returns {{ label: string, value: string } | null}
 */
export function endOf(shown, now) {
  const running = shown.filter(({ board }) => runs(board)),
    zone = zoneName(now);
  if (running.length) {
    const [last] = running
      .flatMap(({ board }) => board.figures.ends ?? [])
      .sort((a, b) => Date.parse(b.latest) - Date.parse(a.latest));
    return {
      label: t("wall.ends", { zone }),
      value: last ? ahead(last, now) : t("wall.unknown_end"),
    };
  }
  const ended = shown.length === 1 && shown[0].board.upgrade?.ended_at;
  return ended ? { label: t("wall.ended", { zone }), value: aboutAt(ended, now) } : null;
}

/**
 * What the canvas shows, in words.
 * @param {Record<string, number>} fills
 * @param {number} size
 */
export function inWords(fills, size) {
  const parts = COUNTED.filter(({ fill }) => fills[fill]).map(
    ({ fill, word }) => `${word} ${number(fills[fill])}`,
  );
  return t("wall.summary", { count: size, parts: parts.join(", ") });
}
