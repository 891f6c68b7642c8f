// "Why not now?": the last decision in words, then everything else that is not moving or not well, the most important first. Pure.

import { approvalSays, awaitedOf } from "./approval.js";
import { aim, runsExtensions } from "./extensions.js";
import { many, names, number, percentText } from "./format.js";
import { rangesOf } from "./ranges.js";
import { holding, reasonsIn, told } from "./reasons.js";
import { runs } from "./state.js";
import { targetOf } from "./summary.js";
import { swapping } from "./surges.js";

const PASSES = new Set(["NothingToDo", "ReplacingOSDisks", "RunningExtensions", "CreatingReplacements", "RemovingReplaced", "WaitingForHealth", "RollingBack", "PauseBetweenBatches", "CreatingInstances", "MachinesGone", "InstancesInitializing", "WaitsForItsTurn"]);

/** Is this decision, or reason, one that asks nothing of anybody? */
export const isCalm = (code) => PASSES.has(code);

/**
 * [{code, fill, glyph, text, detail, since, until, who, acts: [{act, key, word, right?, ids?, toggles?}]}]; `since` and `until`: ISO 8601, where
 * it says for how long. What the last look decided comes first, then the story of a stop, the other reasons in their order, what else is not well.
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

const isPinned = (board) => board.scale_set.image.version !== "latest";

function decision(board) {
  const { scale_set: { decision: said, automatic_upgrade: isOn, image } } = board;
  if (!said.text) return { code: "NotLookedAt", fill: "waiting", glyph: "unknown", text: "Not looked at yet.", detail: "", acts: [] };
  const rests = said.code === "NothingToDo";
  const text = rests ? (isPinned(board) ? `Nothing to do by itself: it is pinned to ${image.version}.` : isOn ? "Nothing to do: no instance waits for a newer image." : "Nothing to do. Automatic upgrades are off: new versions wait for a person.") : said.text;
  const [fill, glyph] = rests ? ["done", "done"] : isCalm(said.code) ? ["active", "verifying"] : ["attention", "held"];
  return { code: said.code, fill, glyph, text, detail: "", since: rests ? null : said.since, acts: [] };
}

/** The upgrade that ended badly says why. */
function stopped(board) {
  const { upgrade } = board;
  if (!upgrade?.error || runs(board)) return null;
  return { code: upgrade.error.code, fill: "failure", glyph: "failed", text: whyStopped(upgrade), detail: upgrade.error.code, acts: [] };
}

/** In a sentence with the numbers in it; Azure's own words stand beside the upgrade. */
export function whyStopped(upgrade) {
  const { error, breach, progress, batches } = upgrade;
  if (!breach?.exceeded) return `The upgrade ${aim(upgrade)} stopped. ${error?.message ?? ""}`.trim();
  const { share_percent: share, limit_percent: limit, of_upgraded: ofUpgraded } = breach.exceeded;
  const where = batches.length ? `in batch ${batches.length}` : "before its first batch";
  const left = progress.pending ? `; ${number(progress.pending)} not tried` : "";
  return `The upgrade ${aim(upgrade)} stopped ${where}: ${percentText(share)} ${ofUpgraded ? "of the upgraded " : ""}unhealthy, limit ${percentText(limit)}${left}.`;
}

/** What a reason of the feed says already. */
const SAID = { failed: "FailedOnThisVersion", "rolled-back": "FailedOnThisVersion", "opted-out": "OptedOut" };

function troubles(board, codes) {
  const { instances } = board, failed = runsExtensions(board) ? "failed in the upgrade of extensions" : "did not get well on the new image";
  const kinds = [["failed", "failure", failed], ["rolled-back", "attention", "did not get well on the new image and run on their old OS disk again"], ["unhealthy", "attention", "unhealthy"], ["unknown", "waiting", "without a word"]];
  const bad = kinds.filter(([state]) => !codes.has(SAID[state])).map(([state, fill, says]) => {
    const list = instances.filter((one) => one.state === state && !one.missing_since);
    return list.length && { code: state, fill, glyph: state, text: `${many(list.length, "instance")} ${says}${state === "failed" || state === "rolled-back" ? "" : allSay(list)}: ${names(list)}.`, detail: "", acts: [see(list)] };
  });
  const out = codes.has(SAID["opted-out"]) ? [] : instances.filter((one) => one.opt_out);
  const opted = out.length && { code: "OptedOut", fill: "out", glyph: "opted-out", text: `${many(out.length, "instance")} opted out: ${names(out)}.`, detail: "", acts: [see(out)] };
  return [...bad, opted];
}

/** What their probes say, where all of them say the same. */
function allSay(list) {
  const [said, ...others] = new Set(list.map((one) => one.health_detail));
  return said && !others.length ? `, ${said}` : "";
}

/** Exactly these, whatever else may be in their state. */
const see = (list) => (list.length === 1 ? { act: "open", key: list[0].id, word: "See it" } : { act: "these", key: rangesOf(list.map((one) => one.id)), word: `See the ${number(list.length)}` });

/** One sentence for one instance: what it waits for, or that it is fine. */
export function whyInstance(one, board) {
  const pair = swapping(one);
  if (pair) return pair;
  if (one.missing_since) return one.operation === "create" ? "The machine is being made again." : sentence(`There is no machine: ${one.health_detail}`);
  const runsThem = runsExtensions(board), next = runsThem ? "of extensions" : `to ${targetOf(board)}`;
  const back = one.member?.state === "rolled_back" && one.failed_version ? ` It failed on ${one.failed_version} and has its old OS disk again.` : "";
  const says = {
    done: runsThem ? "It has the model's extensions, and is healthy." : `On the ${isPinned(board) ? "version that it is pinned to" : "newest image"}, and healthy.`,
    pending: pending(one, board, next),
    queued: `Chosen for batch ${one.batch}; ${runsThem ? "its extensions are run" : "its OS disk is replaced"} in a moment.`,
    held: heldBy(one, board),
    upgrading: { create: "The machine is being made.", delete: "The machine is being removed.", extensions: "Its extensions are being run; its disks stay as they are." }[one.operation] ?? "The OS disk is being replaced; data disks stay as they are.",
    "rolling-back": "It did not become healthy on the new image; its old OS disk is put back.",
    "rolled-back": `It did not become healthy on ${one.failed_version || "the new image"} in time and has its old OS disk again.`,
    quarantined: "Its upgrades failed too often where those of others went well: the platform leaves it alone on this version until somebody releases it.",
    "switched-off": "Its machine is switched off. It counts for no limit, and is upgraded when it is started again.",
    verifying: `${one.member?.kind === "extensions" ? "Its extensions were run" : "It has its new OS disk"}; its health is awaited, at most five minutes.${one.health_detail ? ` So far: ${one.health_detail}.` : ""}`,
    unhealthy: `${sentence(one.health_detail || "The health probe fails")} It counts against the limit.${back}`,
    failed: one.member?.error_message || `It did not become healthy on ${one.failed_version || "the new image"} in time.`,
    "opted-out": "A person or a client wants it left alone; no upgrade of the scale set touches it.",
    unknown: "Nothing is known of its health; it counts as unhealthy.",
  };
  return says[one.state] ?? "";
}

function heldBy(one, board) {
  const [first] = holding(one, board);
  return first ? inItsWords(first, board) : board.scale_set.decision.text;
}

/** What is said of many at once, said of one. */
const inItsWords = ({ code, text }, board) => (code === "WaitsForApproval" && awaitedOf(board) ? approvalSays(awaitedOf(board)) : text);

function pending(one, board, next) {
  if (runs(board)) return one.planned ? `Waits for batch ${one.planned}.` : `Waits for the next upgrade ${next}.`;
  return `Waits for an upgrade ${next}.`;
}

const sentence = (text) => (/[.!?]$/.test(text) ? text : `${text}.`);

/** Reasons that say what an instance is: it says so itself. */
const OWN = new Set(["TooManyUnhealthy", "MachinesNotMade", "MachinesGone", "Quarantined", "FailedOnThisVersion", "OptedOut", "SwitchedOff"]);

/** The reasons that hold this instance, its own in words for it alone, and without what the panel does itself. */
export function whyNotNow(one, board) {
  return holding(one, board).map((reason) => {
    const { acts, text, ...more } = told(reason, board);
    return { ...more, text: OWN.has(reason.code) ? whyInstance(one, board) : inItsWords({ code: reason.code, text }, board), acts: acts.filter(({ act, ids }) => act === "do" && !ids) };
  });
}
