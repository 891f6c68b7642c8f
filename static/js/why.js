// "Why not now?": the last decision in words, then everything else that is not moving or not well, the most important first. Pure.

import { aim, runsExtensions } from "./extensions.js";
import { many, names, number, percentText } from "./format.js";
import { rangesOf } from "./ranges.js";
import { reasonsIn, told } from "./reasons.js";
import { runs } from "./state.js";

export { whyInstance, whyNotNow } from "./why-instance.js";

const PASSES = new Set([
  "NothingToDo", "ReplacingOSDisks", "RunningExtensions", "CreatingReplacements", "RemovingReplaced", "WaitingForHealth",
  "RollingBack", "PauseBetweenBatches", "CreatingInstances", "MachinesGone", "InstancesInitializing", "WaitsForItsTurn",
]);

/** Is this decision, or reason, one that asks nothing of anybody? */
export const isCalm = (code) => PASSES.has(code);

/**
 * [{code, fill, glyph, text, detail, since, until, who, acts: [{act, key, word, right?, ids?, toggles?}]}]; `since` and `until`: ISO
 * 8601, where it says for how long. What the last look decided comes first, then the story of a stop, the other reasons in their
 * order, what else is not well.
 */
export function reasonsOf(board) {
  const given = reasonsIn(board), codes = new Set(given.map((one) => one.code));
  const [first, ...others] = given.length ? once(decidedFirst(board).map((one) => told(one, board))) : [decision(board)];
  return [first, stopped(board), ...others, ...troubles(board, codes)].filter(Boolean);
}

/** The reasons, ranked as they are, behind the one that the last look decided. */
function decidedFirst(board) {
  const { code } = board.scale_set.decision, given = reasonsIn(board);
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

function decision({ scale_set: set }) {
  const { decision: said } = set, more = { detail: "", acts: [] };
  if (!said.text) return { code: "NotLookedAt", fill: "waiting", glyph: "unknown", text: "Not looked at yet.", ...more };
  if (said.code === "NothingToDo") return { code: said.code, fill: "done", glyph: "done", text: atRest(set), since: null, ...more };
  const [fill, glyph] = isCalm(said.code) ? ["active", "verifying"] : ["attention", "held"];
  return { code: said.code, fill, glyph, text: said.text, since: said.since, ...more };
}

function atRest({ image, automatic_upgrade: isAutomatic }) {
  if (image.version !== "latest") return `Nothing to do: the scale set is pinned to ${image.version}.`;
  if (isAutomatic) return "Nothing to do: no instance is waiting for a newer image.";
  return "Nothing to do. Automatic upgrades are off: new versions are started by a person.";
}

/** The upgrade that ended badly says why. */
function stopped(board) {
  const { upgrade } = board;
  if (!upgrade?.error || runs(board)) return null;
  const { code } = upgrade.error;
  return { code, fill: "failure", glyph: "failed", text: whyStopped(upgrade), detail: code, acts: [] };
}

/** In a sentence with the numbers in it; Azure's own words stand beside the upgrade. */
export function whyStopped(upgrade) {
  const { error, breach, batches, record } = upgrade;
  if (!breach?.exceeded) return `The upgrade ${aim(upgrade)} stopped. ${error?.message ?? ""}`.trim();
  const { share_percent: share, limit_percent: limit, of_upgraded: ofUpgraded } = breach.exceeded;
  const where = batches.length ? `in batch ${number(batches.at(-1).number)}` : "before its first batch";
  const left = record?.left ? `; ${number(record.left)} not tried` : "";
  const whose = ofUpgraded ? "of the upgraded " : "";
  return `The upgrade ${aim(upgrade)} stopped ${where}: ${percentText(share)} ${whose}unhealthy, limit ${percentText(limit)}${left}.`;
}

/** What a reason of the feed says already. */
const SAID = { failed: "FailedOnThisVersion", "rolled-back": "FailedOnThisVersion", "opted-out": "OptedOut" };

function troubles(board, codes) {
  const onWhat = runsExtensions(board) ? "failed in the upgrade of extensions" : "did not become healthy on the new image";
  const kinds = [
    ["failed", "failure", () => onWhat],
    ["rolled-back", "attention", () => "did not become healthy on the new image and run on their old OS disk again"],
    ["unhealthy", "attention", (list) => `unhealthy${allSay(list)}`],
    ["unknown", "waiting", (list) => `not reporting health${allSay(list)}`],
  ];
  const bad = kinds.map(([state, fill, says]) => {
    const list = codes.has(SAID[state]) ? [] : board.instances.filter((one) => one.state === state);
    return list.length && trouble(state, fill, state, `${many(list.length, "instance")} ${says(list)}`, list);
  });
  const out = codes.has(SAID["opted-out"]) ? [] : board.instances.filter((one) => one.opt_out);
  const opted = out.length && trouble("OptedOut", "out", "opted-out", `${many(out.length, "instance")} opted out`, out);
  return [...bad, opted];
}

const trouble = (code, fill, glyph, what, list) =>
  ({ code, fill, glyph, text: `${what}: ${names(list)}.`, detail: "", acts: [see(list)] });

/** What their probes say, where all of them say the same. */
function allSay(list) {
  const [said, ...others] = new Set(list.map((one) => one.health_detail));
  return said && !others.length ? `, ${said}` : "";
}

/** Exactly these, whatever else may be in their state. */
function see(list) {
  if (list.length === 1) return { act: "open", key: list[0].id, word: "See it" };
  return { act: "these", key: rangesOf(list.map((one) => one.id)), word: `See the ${number(list.length)}` };
}
