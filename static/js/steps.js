// The five steps of the rule while an upgrade runs, and how the last one went while none does. Markup of what the board says.

import { runs } from "./board.js";
import { t, tPieces } from "./catalogue.js";
import { html, mark } from "./dom.js";
import { runsExtensions, versionOf } from "./extensions.js";
import { momentAt, number, percentText, zoneName } from "./format.js";
import { ahead } from "./spans.js";
import { statusOf } from "./status.js";
import { elapsed } from "./ticking.js";

/**
 * @import { Batch } from "./batches.js"
 * @import { Board } from "./board.js"
 * @import { Markup } from "./markup.js"
 */

/** @typedef {NonNullable<NonNullable<Feed.Board>["batch"]>} CurrentBatch */

const STEPS = [
  ["gate", t("steps.gate")],
  ["choose", t("steps.choose")],
  ["replace", t("steps.replace")],
  ["wait", t("steps.wait")],
  ["next", t("steps.next")],
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
  if (!batch) return html`<header><h2>${t("steps.starting")}</h2></header>${outlook(board)}`;
  const at = STEPS.findIndex(([code]) => code === batch.step);
  const says = saysOf(
    batch,
    batches.find((each) => each.number === batch.current),
  );
  const items = STEPS.map(([code, name], i) =>
    step(i - at, nameOf(code, name, board), says[code] ?? "", batch.held),
  );
  return html`<header><h2>${t("steps.batch", { ...batch })}</h2><span class="small quiet">${tPieces(
    "steps.this_step",
    { time: elapsed(batch.since) },
  )}</span></header>
    <ol class="steps">${items}</ol>
    ${whyChosen(batch, batches)}${outlook(board)}`;
}

/**
 * @param {string} code
 * @param {string} name
 * @param {Board} board
 */
const nameOf = (code, name, board) =>
  code === "replace" && runsExtensions(board) ? t("steps.extensions") : name;

/**
 * What stands under each step: of a batch that has begun how far it is.
 * @param {CurrentBatch} current
 * @param {Batch | undefined} batch
 * @returns {Record<string, string>}
 */
function saysOf({ step: at, held, size, replaced, healthy }, batch) {
  const gate = at === "gate" && held ? t("steps.held") : t("steps.open");
  if (at === "gate" || at === "choose") return { gate };
  const of = (/** @type {number | null} */ count) =>
    t("steps.of", { count: count ?? 0, of: size ?? 0 });
  return {
    gate,
    choose: t("steps.chosen", { count: batch?.size ?? size ?? 0 }),
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
  if (!batch?.why) return "";
  const says = batch.planned ? t("steps.next_batch", { why: batch.why }) : batch.why;
  return html`<p class="small quiet">${says}</p>`;
}

/** @param {Board} board */
function outlook(board) {
  const { ends } = board.figures;
  return figuresOf(
    board,
    html`<div><dt>${t("steps.expected_end", { zone: zoneName() })}</dt><dd class="number">${ends ? ahead(ends) : "–"}</dd></div>`,
  );
}

/**
 * @param {Board} board
 * @param {Markup} more
 */
function figuresOf({ figures: { progress } }, more = html``) {
  const percent = progress.percent === null ? "–" : percentText(progress.percent);
  return html`<dl class="outlook"><div><dt>${t("steps.up_to_date")}</dt><dd class="number">${percent}</dd></div>
    <div><dt>${t("steps.done")}</dt><dd class="number">${number(progress.up_to_date)} / ${number(progress.of)}</dd></div>${more}</dl>`;
}

// --- while none runs ---

/**
 * @param {Board} board
 * @param {number} now
 */
function lastUpgrade(board, now) {
  const { upgrade, scale_set: set } = board;
  const first = set.automatic_upgrade ? t("steps.never") : t("steps.never_by_itself");
  if (!upgrade)
    return html`<header><h2>${t("steps.none")}</h2></header><p class="quiet">${first}</p>${figuresOf(board)}`;
  const { fill, glyph, word } = statusOf(board),
    ended = html`${momentAt(upgrade.ended_at, now)} ${zoneName()}`;
  return html`<header><h2>${t("steps.last")}</h2><span class="small quiet">${ended}</span></header>
    <p><span class="state">${mark(fill, glyph)}<b>${word}</b></span>
      <span class="quiet">${resultOf(upgrade)}</span></p>${figuresOf(board)}${inAzuresWords(upgrade)}`;
}

/** @param {Feed.Upgrade} upgrade */
function resultOf(upgrade) {
  const { started_by, started_by_name: name } = upgrade;
  const said = { version: versionOf(upgrade), started_by, name, counts: countsOf(upgrade) };
  return t("steps.result", said).trimEnd();
}

/**
 * By the record: how it went, for ever the same.
 * @param {Pick<Feed.Upgrade, "record">} upgrade
 */
export function countsOf({ record }) {
  return record ? t("steps.counts", { ...record.counts }) : "";
}

/** @param {Feed.Upgrade} upgrade */
const inAzuresWords = ({ error }) =>
  error
    ? html`<details class="small quiet"><summary>${t("steps.azures_words")}</summary><span lang="en">${error.message}</span></details>`
    : "";
