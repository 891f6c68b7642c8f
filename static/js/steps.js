// The five steps of the rule while an upgrade runs, and how the last one went while none does. Markup of what the board says.

import { html, mark } from "./dom.js";
import { aim, runsExtensions } from "./extensions.js";
import { ahead, momentAt, number, percentText, zoneName } from "./format.js";
import { runs } from "./state.js";
import { statusOf } from "./status.js";
import { elapsed } from "./ticking.js";

const STEPS = [
  ["gate", "Gate"],
  ["choose", "Choose"],
  ["replace", "Replace"],
  ["wait", "Wait for health"],
  ["next", "Next batch"],
];

export const steps = (board, batches, now) =>
  runs(board) ? running(board, batches) : resting(board, now);

// --- while it runs ---

function running(board, batches) {
  const { batch } = board.figures;
  if (!batch) return html`<header><h2>Starting</h2></header>${outlook(board)}`;
  const at = STEPS.findIndex(([code]) => code === batch.step);
  const says = saysOf(
    batch,
    batches.find((one) => one.number === batch.current),
  );
  const items = STEPS.map(([code, name], i) =>
    step(i - at, nameOf(code, name, board), says[code] ?? "", batch.held),
  );
  return html`<header><h2>Batch ${number(batch.current)} of ${number(batch.of)}</h2><span class="small quiet">this step
    ${elapsed(batch.since)}</span></header>
    <ol class="steps">${items}</ol>
    ${chosen(batch, batches)}${outlook(board)}`;
}

const nameOf = (code, name, board) =>
  code === "replace" && runsExtensions(board) ? "Run extensions" : name;

/** What stands under each step: of a batch that has begun how far it is. */
function saysOf({ step: at, held, size, replaced, healthy }, batch) {
  if (at === "gate") return { gate: held ? "held" : "open" };
  if (at === "choose") return { gate: "open" };
  const of = (count) => `${number(count)} of ${number(size)}`;
  return {
    gate: "open",
    choose: `${number(batch?.size ?? size)} chosen`,
    replace: of(replaced),
    wait: of(healthy),
  };
}

function step(away, name, says, held) {
  const isNow = away === 0,
    kind = isNow ? "now" : away < 0 ? "past" : "";
  return html`<li class="${kind}" data-fill="${held ? "waiting" : "active"}" ${isNow ? html`aria-current="step"` : ""}><span>${name}</span><span>${says}</span></li>`;
}

/** How the batch came about that is in work; at the gate how the next one is to. */
function chosen({ current }, batches) {
  const batch = batches.find((one) => one.number === current);
  return batch?.why
    ? html`<p class="small quiet">${batch.planned ? "Next batch: " : ""}${batch.why}</p>`
    : "";
}

function outlook(board) {
  const { ends } = board.figures;
  return figuresOf(
    board,
    html`<div><dt>Expected end, ${zoneName()}</dt><dd class="number">${ends ? ahead(ends) : "–"}</dd></div>`,
  );
}

function figuresOf({ figures: { progress } }, more = html``) {
  const percent = progress.percent === null ? "–" : percentText(progress.percent);
  return html`<dl class="outlook"><div><dt>Up to date</dt><dd class="number">${percent}</dd></div>
    <div><dt>Done</dt><dd class="number">${number(progress.up_to_date)} / ${number(progress.of)}</dd></div>${more}</dl>`;
}

// --- while none runs ---

const NEVER = "The first upgrade starts by itself when a newer version of the image is published.";

function resting(board, now) {
  const { upgrade } = board;
  if (!upgrade)
    return html`<header><h2>No upgrade yet</h2></header><p class="quiet">${NEVER}</p>${figuresOf(board)}`;
  const { fill, glyph, word } = statusOf(board),
    ended = html`${momentAt(upgrade.ended_at, now)} ${zoneName()}`;
  return html`<header><h2>Last upgrade</h2><span class="small quiet">${ended}</span></header>
    <p><span class="state">${mark(fill, glyph)}<b>${word}</b></span>
      <span class="quiet">${resultOf(upgrade)}</span></p>${figuresOf(board)}${inAzuresWords(upgrade)}`;
}

function resultOf(upgrade) {
  const by =
    upgrade.started_by === "User" ? `by ${upgrade.started_by_name || "a person"}` : "automatically";
  return `Upgrade ${aim(upgrade)}, started ${by}. ${countsOf(upgrade)}`;
}

/** By the record: how it went, for ever the same. */
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

const inAzuresWords = ({ error }) =>
  error
    ? html`<details class="small quiet"><summary>In Azure's words</summary>${error.message}</details>`
    : "";
