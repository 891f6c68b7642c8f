// "Why not now?": the last decision in words, then everything else that is not moving or not well, the most important first. Pure.

import { runs } from "./board.js";
import { t } from "./catalogue.js";
import { detailOf } from "./details.js";
import { runsExtensions, versionOf } from "./extensions.js";
import { rangesOf } from "./ranges.js";
import { faceOfReason } from "./reason-faces.js";
import { reasonsIn, storyOf } from "./reasons.js";
import { names } from "./spans.js";

/**
 * @import { Board, Instance } from "./board.js"
 * @import { Params } from "./messages.js"
 * @import { ReasonAct, Story } from "./reasons.js"
 */

/**
 * All that is to be said of a board. What was decided last comes first, then the story of a stop, the other reasons in their order,
 * what else is not well.
 * @param {Board} board
 * @returns {Story[]}
 */
export function reasonsOf(board) {
  const given = reasonsIn(board),
    explained = new Set(given.flatMap(({ explains }) => explains));
  const [first, ...others] = given.length
    ? withoutRepeats(decidedFirst(board).map((reason) => storyOf(reason, board)))
    : [lastDecision(board)];
  return [first, stoppedUpgrade(board), ...others, ...troubles(board, explained)].filter(
    (story) => story !== null,
  );
}

/**
 * The reasons, ranked as they are, behind the one that was decided last.
 * @param {Board} board
 */
function decidedFirst(board) {
  const { code } = board.scale_set.decision,
    given = reasonsIn(board);
  return [
    ...given.filter((reason) => reason.code === code),
    ...given.filter((reason) => reason.code !== code),
  ];
}

/**
 * What two reasons ask for stands with the weightier one only.
 * @param {Story[]} list
 */
function withoutRepeats(list) {
  const known = new Set();
  const isNew = (/** @type {ReasonAct} */ { key, ids }) =>
    ids === undefined || !known.has(`${key} ${ids}`);
  return list.map((story) => {
    const acts = story.acts.filter(isNew);
    for (const { key, ids } of acts) known.add(`${key} ${ids}`);
    return { ...story, acts };
  });
}

/**
 * What was decided last, where it has no reason beside it. At rest it matters to nobody since when.
 * @param {Board} board
 * @returns {Story}
 */
function lastDecision({ scale_set: { decision: last } }) {
  const { code = "", text, since, passes, works } = last,
    more = { detail: "", acts: [] };
  if (!text)
    return {
      code: "NotLookedAt",
      fill: "waiting",
      glyph: "unknown",
      text: t("instance.unseen"),
      ...more,
    };
  const isAtRest = passes && !works;
  return { code, ...faceOfReason(last), text, since: isAtRest ? null : since, ...more };
}

/**
 * The upgrade that ended badly says why.
 * @param {Board} board
 * @returns {Story | null}
 */
function stoppedUpgrade(board) {
  const { upgrade } = board;
  if (!upgrade?.error || runs(board)) return null;
  const { code } = upgrade.error;
  return {
    code,
    fill: "failure",
    glyph: "failed",
    text: whyStopped(upgrade),
    detail: code,
    acts: [],
    link: { href: "checks/", word: t("why.recovery") },
  };
}

/**
 * In few words where a limit did it; Azure's own stand beside the upgrade.
 * @param {Feed.Upgrade} upgrade
 */
export function whyStopped(upgrade) {
  const { error, breach, batches, record } = upgrade;
  const version = versionOf(upgrade);
  if (!breach?.brief) return t("why.stopped", { version, message: breach?.text ?? error?.message });
  const batch = batches.at(-1)?.number,
    left = record?.left ?? 0;
  return t("why.stopped_in", { version, batch, brief: breach.brief.text, left });
}

/**
 * `explained`: the states that a reason of the feed accounts for.
 * @param {Board} board
 * @param {Set<string>} explained
 */
function troubles(board, explained) {
  /** @type {[string, string, (said: Params) => string][]} */
  const kinds = [
    [
      "failed",
      "failure",
      (said) => t(runsExtensions(board) ? "why.failed_extensions" : "why.failed", said),
    ],
    ["rolled-back", "attention", (said) => t("why.rolled_back", said)],
    ["unhealthy", "attention", (said) => t("why.unhealthy", said)],
    ["unknown", "waiting", (said) => t("why.unknown", said)],
  ];
  const bad = kinds.map(([state, fill, say]) => {
    const list = withState(board, state, explained);
    return list.length ? trouble(state, fill, say(saidOf(list)), list) : null;
  });
  const out = explained.has("opted-out") ? [] : board.instances.filter(({ opt_out: by }) => by);
  const text = t("why.opted_out", saidOf(out));
  return [...bad, out.length ? trouble("opted-out", "out", text, out) : null];
}

/**
 * @param {Board} board
 * @param {string} state
 * @param {Set<string>} explained
 */
const withState = ({ instances }, state, explained) =>
  explained.has(state) ? [] : instances.filter((instance) => instance.state === state);

/**
 * @param {string} code
 * @param {string} fill
 * @param {string} text
 * @param {Instance[]} list
 * @returns {Story}
 */
const trouble = (code, fill, text, list) => ({
  code,
  fill,
  glyph: code,
  text,
  detail: "",
  acts: [wayTo(list)],
});

/**
 * How many they are, their names, and what their probes say, where all of them say the same.
 * @param {Instance[]} list
 * @returns {Params}
 */
function saidOf(list) {
  const [detail, ...others] = new Set(list.map((instance) => detailOf(instance.health_detail)));
  return { count: list.length, names: names(list), detail: others.length ? "" : detail };
}

/**
 * Exactly these, whatever else may be in their state.
 * @param {Instance[]} list
 * @returns {ReasonAct}
 */
function wayTo(list) {
  const word = t("reason.see", { count: list.length });
  if (list.length === 1) return { act: "open", key: list[0].id, word };
  return { act: "these", key: rangesOf(list.map(({ id }) => id)), word };
}
