// The five steps of the rule while an upgrade runs, and how the last one went while none does. Markup of what the board says.

import { html, mark } from "./dom.js";
import { aim, runsExtensions } from "./extensions.js";
import { ahead, momentAt, number, percentText, zoneName } from "./format.js";
import { runs } from "./board.js";
import { statusOf } from "./status.js";
import { elapsed } from "./ticking.js";

/**
 * @import { Batch } from "./batches.js"
 * @import { Board } from "./board.js"
 * @import { Markup } from "./markup.js"
 */

/** @typedef {NonNullable<NonNullable<Feed.Board>["batch"]>} CurrentBatch */

const STEPS = [
  ["gate", "Gate"],
  ["choose", "Choose"],
  ["replace", "Replace"],
  ["wait", "Wait for health"],
  ["next", "Next batch"],
];

/**
 * @param {Board} board
 * @param {Batch[]} batches
 * @param {number} now
 */
export const steps = (board, batches, now) =>
  runs(board) ? runningSteps(board, batches) : lastUpgrade(board, now);

// --- while it runs ---

/**
 * @param {Board} board
 * @param {Batch[]} batches
 */
function runningSteps(board, batches) {
  const { batch } = board.figures;
  if (!batch) return html`<header><h2>Starting</h2></header>${outlook(board)}`;
  const at = STEPS.findIndex(([code]) => code === batch.step);
  const says = saysOf(
    batch,
    batches.find((each) => each.number === batch.current),
  );
  const items = STEPS.map(([code, name], i) =>
    step(i - at, nameOf(code, name, board), says[code] ?? "", batch.held),
  );
  return html`<header><h2>Batch ${number(batch.current)} of ${number(batch.of)}</h2><span class="small quiet">this step
    ${elapsed(batch.since)}</span></header>
    <ol class="steps">${items}</ol>
    ${whyChosen(batch, batches)}${outlook(board)}`;
}

/**
 * @param {string} code
 * @param {string} name
 * @param {Board} board
 */
const nameOf = (code, name, board) =>
  code === "replace" && runsExtensions(board) ? "Run extensions" : name;

/**
 * What stands under each step: of a batch that has begun how far it is.
 * @param {CurrentBatch} current
 * @param {Batch | undefined} batch
 * @returns {Record<string, string>}
 */
function saysOf({ step: at, held, size, replaced, healthy }, batch) {
  if (at === "gate") return { gate: held ? "held" : "open" };
  if (at === "choose") return { gate: "open" };
  const of = (/** @type {number | null} */ count) =>
    `${number(count ?? 0)} of ${number(size ?? 0)}`;
  return {
    gate: "open",
    choose: `${number(batch?.size ?? size ?? 0)} chosen`,
    replace: of(replaced),
    wait: of(healthy),
  };
}

/**
 * @param {number} away
 * @param {string} name
 * @param {string} says
 * @param {boolean} held
 */
function step(away, name, says, held) {
  const isNow = away === 0,
    kind = isNow ? "now" : away < 0 ? "past" : "";
  return html`<li class="${kind}" data-fill="${held ? "waiting" : "active"}" ${isNow ? html`aria-current="step"` : ""}><span>${name}</span><span>${says}</span></li>`;
}

/**
 * How the batch came about that is in work; at the gate how the next one is to.
 * @param {CurrentBatch} current
 * @param {Batch[]} batches
 */
function whyChosen({ current }, batches) {
  const batch = batches.find((each) => each.number === current);
  return batch?.why
    ? html`<p class="small quiet">${batch.planned ? "Next batch: " : ""}${batch.why}</p>`
    : "";
}

/** @param {Board} board */
function outlook(board) {
  const { ends } = board.figures;
  return figuresOf(
    board,
    html`<div><dt>Expected end, ${zoneName()}</dt><dd class="number">${ends ? ahead(ends) : "–"}</dd></div>`,
  );
}

/**
 * @param {Board} board
 * @param {Markup} more
 */
function figuresOf({ figures: { progress } }, more = html``) {
  const percent = progress.percent === null ? "–" : percentText(progress.percent);
  return html`<dl class="outlook"><div><dt>Up to date</dt><dd class="number">${percent}</dd></div>
    <div><dt>Done</dt><dd class="number">${number(progress.up_to_date)} / ${number(progress.of)}</dd></div>${more}</dl>`;
}

// --- while none runs ---

const NEVER = "The first upgrade starts by itself when a newer version of the image is published.";

/**
 * @param {Board} board
 * @param {number} now
 */
function lastUpgrade(board, now) {
  const { upgrade } = board;
  if (!upgrade)
    return html`<header><h2>No upgrade yet</h2></header><p class="quiet">${NEVER}</p>${figuresOf(board)}`;
  const { fill, glyph, word } = statusOf(board),
    ended = html`${momentAt(upgrade.ended_at, now)} ${zoneName()}`;
  return html`<header><h2>Last upgrade</h2><span class="small quiet">${ended}</span></header>
    <p><span class="state">${mark(fill, glyph)}<b>${word}</b></span>
      <span class="quiet">${resultOf(upgrade)}</span></p>${figuresOf(board)}${inAzuresWords(upgrade)}`;
}

/** @param {Feed.Upgrade} upgrade */
function resultOf(upgrade) {
  const by =
    upgrade.started_by === "User" ? `by ${upgrade.started_by_name || "a person"}` : "automatically";
  return `Upgrade ${aim(upgrade)}, started ${by}. ${countsOf(upgrade)}`;
}

/**
 * By the record: how it went, for ever the same.
 * @param {Pick<Feed.Upgrade, "record">} upgrade
 */
export function countsOf({ record }) {
  if (!record) return "";
  const { succeeded, failed, left } = record.counts;
  const words = [
    `${number(succeeded)} succeeded`,
    failed && `${number(failed)} failed`,
    left && `${number(left)} not tried`,
  ];
  return `${words.filter(Boolean).join(", ")}.`;
}

/** @param {Feed.Upgrade} upgrade */
const inAzuresWords = ({ error }) =>
  error
    ? html`<details class="small quiet"><summary>In Azure's words</summary>${error.message}</details>`
    : "";
