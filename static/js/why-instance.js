// Why one instance is as it is: a sentence for its state, and the reasons that hold it. Pure.

import { runsExtensions } from "./extensions.js";
import { holding, sentence, told } from "./reasons.js";
import { runs } from "./state.js";
import { targetOf } from "./summary.js";
import { swapping } from "./surges.js";

/** One sentence for one instance: what it waits for, or that it is fine. */
export function whyInstance(one, board) {
  return swapping(one) || (Object.hasOwn(SAYS, one.state) ? SAYS[one.state](one, board) : "");
}

const nextOf = (board) => (runsExtensions(board) ? "of extensions" : `to ${targetOf(board)}`);

const WORK = {
  extensions: "Its extensions are being run; its disks stay as they are.",
  create: "The machine is being created.",
  delete: "The machine is being removed.",
};

const SAYS = {
  done: (one, board) =>
    runsExtensions(board)
      ? "It has the model's extensions, and is healthy."
      : `Up to date on ${one.version}, and healthy.`,
  pending: (one, board) => pending(one, board),
  queued: (one, board) =>
    `Chosen for batch ${one.batch}; ${runsExtensions(board) ? "its extensions are run" : "its OS disk is replaced"} in a moment.`,
  held: (one, board) => heldBy(one, board),
  creating: ({ missing_since: missing }) =>
    missing ? "The machine is being created again." : "The machine is being created.",
  deleting: () => "The machine is being removed.",
  upgrading: ({ operation }) =>
    WORK[operation] ?? "The OS disk is being replaced; data disks stay as they are.",
  verifying: (one) =>
    `${broughtTo(one)}; its health is awaited, at most five minutes.${soFar(one)}`,
  missing: (one) => sentence(`There is no machine: ${one.health_detail}`),
  unhealthy: (one) => `${ofHealth(one)} Counts as unhealthy.${onOldDisk(one)}`,
  unknown: () => "Not reporting health. Counts as unhealthy.",
  failed: (one) =>
    one.member?.error_message ||
    `It did not become healthy on ${one.failed_version || "the new image"} in time.`,
  "rolling-back": () =>
    "It did not become healthy on the new image; its old OS disk is being put back.",
  "rolled-back": (one) =>
    `It did not become healthy on ${one.failed_version || "the new image"} in time and has its old OS disk again.`,
  quarantined: () =>
    "Its upgrades failed too often where those of others went well: no automatic upgrade takes it until somebody releases it.",
  "opted-out": () => "Opted out. Upgrades skip this instance.",
  "switched-off": () =>
    "Its machine is switched off. It counts for no limit, and is upgraded when it is started again.",
  unseen: () => "Not looked at yet.",
};

function broughtTo({ member, version }) {
  if (!member?.swapped_at) return version ? "The machine is up" : "The machine is being started";
  return member.kind === "extensions" ? "Its extensions were run" : "It has its new OS disk";
}

const soFar = ({ health_detail: said }) => (said ? ` So far: ${said}.` : "");

const ON_HEALTH = {
  initializing: (said) => `Not healthy in time${said ? ` (${said})` : ""}.`,
  unhealthy: (said) => (said ? `Health probe: ${sentence(said)}` : "The health probe fails."),
};

/** "Health probe: HTTP 503."; of a machine whose first answer is overdue that. */
const ofHealth = ({ health, health_detail: said }) =>
  (ON_HEALTH[health] ?? ON_HEALTH.unhealthy)(said);

function onOldDisk({ member, failed_version: version }) {
  return member?.state === "rolled_back" && version
    ? ` It failed on ${version} and has its old OS disk again.`
    : "";
}

function heldBy(one, board) {
  const [first] = holding(one, board);
  return first ? inItsWords(first) : board.scale_set.decision.text;
}

/** What is said of many at once, said of one. */
const inItsWords = ({ each, text }) => each?.text ?? text;

function pending(one, board) {
  if (!runs(board)) return `Waiting for an upgrade ${nextOf(board)}.`;
  return one.planned
    ? `Waiting for batch ${one.planned}.`
    : `Waiting for the next upgrade ${nextOf(board)}.`;
}

/** The reasons that hold this instance, its own in words for it alone, and without what the panel does itself. */
export function whyNotNow(one, board) {
  return holding(one, board).map((reason) => {
    const { acts, text, ...more } = told(reason, board);
    const own = reason.is_own ? whyInstance(one, board) : inItsWords({ each: reason.each, text });
    return { ...more, text: own, acts: acts.filter(({ act, ids }) => act === "do" && !ids) };
  });
}
