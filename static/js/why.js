// "Why not now?": the last decision in words, then everything else that is not moving or not well, the most important first. Pure.

import { aim, runsExtensions } from "./extensions.js";
import { many, names, number } from "./format.js";
import { rangesOf } from "./ranges.js";
import { faceOfReason } from "./reason-faces.js";
import { reasonsIn, told } from "./reasons.js";
import { runs } from "./state.js";

export { whyInstance, whyNotNow } from "./why-instance.js";

/**
 * [{code, fill, glyph, text, detail, since, until, who, acts: [{act, key, word, right?, ids?, toggles?}]}]; `since` and `until`: ISO
 * 8601, where it says for how long. What the last look decided comes first, then the story of a stop, the other reasons in their
 * order, what else is not well.
 */
export function reasonsOf(board) {
  const given = reasonsIn(board),
    explained = new Set(given.flatMap((one) => one.explains ?? []));
  const [first, ...others] = given.length
    ? once(decidedFirst(board).map((one) => told(one, board)))
    : [decision(board)];
  return [first, stopped(board), ...others, ...troubles(board, explained)].filter(Boolean);
}

/** The reasons, ranked as they are, behind the one that the last look decided. */
function decidedFirst(board) {
  const { code } = board.scale_set.decision,
    given = reasonsIn(board);
  return [...given.filter((one) => one.code === code), ...given.filter((one) => one.code !== code)];
}

/** What two reasons ask for stands with the weightier one only. */
function once(list) {
  const known = new Set();
  const isNew = ({ key, ids }) => ids === undefined || !known.has(`${key} ${ids}`);
  return list.map((one) => {
    const acts = one.acts.filter(isNew);
    for (const { key, ids } of acts) known.add(`${key} ${ids}`);
    return { ...one, acts };
  });
}

/** What the last look decided, where it has no reason beside it. At rest it matters to nobody since when. */
function decision({ scale_set: { decision: said } }) {
  const more = { detail: "", acts: [] };
  if (!said.text)
    return {
      code: "NotLookedAt",
      fill: "waiting",
      glyph: "unknown",
      text: "Not looked at yet.",
      ...more,
    };
  const isAtRest = said.passes && !said.works;
  return {
    code: said.code,
    ...faceOfReason(said),
    text: said.text,
    since: isAtRest ? null : said.since,
    ...more,
  };
}

/** The upgrade that ended badly says why. */
function stopped(board) {
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
  };
}

/** In few words where a limit did it; Azure's own stand beside the upgrade. */
export function whyStopped(upgrade) {
  const { error, breach, batches, record } = upgrade;
  if (!breach?.brief)
    return `The upgrade ${aim(upgrade)} stopped. ${breach?.text ?? error?.message ?? ""}`.trim();
  const where = batches.length
    ? `in batch ${number(batches.at(-1).number)}`
    : "before its first batch";
  const left = record?.left ? `; ${number(record.left)} not tried` : "";
  return `The upgrade ${aim(upgrade)} stopped ${where}: ${breach.brief.text}${left}.`;
}

/** `explained`: the states that a reason of the feed accounts for. */
function troubles(board, explained) {
  const onWhat = runsExtensions(board)
    ? "failed in the upgrade of extensions"
    : "did not become healthy on the new image";
  /** @type {[string, string, (list: object[]) => string][]} */
  const kinds = [
    ["failed", "failure", () => onWhat],
    [
      "rolled-back",
      "attention",
      () => "did not become healthy on the new image and run on their old OS disk again",
    ],
    ["unhealthy", "attention", (list) => `unhealthy${allSay(list)}`],
    ["unknown", "waiting", (list) => `not reporting health${allSay(list)}`],
  ];
  const bad = kinds.map(([state, fill, says]) => {
    const list = explained.has(state) ? [] : board.instances.filter((one) => one.state === state);
    return (
      list.length &&
      trouble(state, fill, state, `${many(list.length, "instance")} ${says(list)}`, list)
    );
  });
  const out = explained.has("opted-out") ? [] : board.instances.filter((one) => one.opt_out);
  const opted =
    out.length &&
    trouble("opted-out", "out", "opted-out", `${many(out.length, "instance")} opted out`, out);
  return [...bad, opted];
}

const trouble = (code, fill, glyph, what, list) => ({
  code,
  fill,
  glyph,
  text: `${what}: ${names(list)}.`,
  detail: "",
  acts: [see(list)],
});

/** What their probes say, where all of them say the same. */
function allSay(list) {
  const [said, ...others] = new Set(list.map((one) => one.health_detail));
  return said && !others.length ? `, ${said}` : "";
}

/** Exactly these, whatever else may be in their state. */
function see(list) {
  if (list.length === 1) return { act: "open", key: list[0].id, word: "See it" };
  return {
    act: "these",
    key: rangesOf(list.map((one) => one.id)),
    word: `See the ${number(list.length)}`,
  };
}
