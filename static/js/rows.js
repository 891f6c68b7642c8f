// The rows of the fleet page: one per scale set, written by parts, so that a switch keeps its focus while numbers move.

import { waitsForApproval } from "./approval.js";
import { $, html, mark, show } from "./dom.js";
import { ahead, many, momentAt, number, percentText, since, timeAt } from "./format.js";
import { statusOf } from "./instruments.js";
import { briefly, reasonsIn } from "./reasons.js";
import { may, whyNot } from "./shell.js";
import { hasFailed, policyOf, runs } from "./state.js";
import { behind, inWords } from "./summary.js";
import { batchesOf, endOf } from "./view.js";
import { isCalm } from "./why.js";

const ADDRESS = $("main").dataset.address; // of a scale set's page, with GROUP and NAME to be filled in

export const addressOf = ({ resource_group: group, name }) => ADDRESS.replace(/GROUP|NAME/g, (word) => encodeURIComponent(word === "GROUP" ? group : name));

/** A row for a scale set that the server did not know when it made the page: the same markup as its own (templates/parts/set_row.html). */
export function newRow({ scale_set: set, key }) {
  const row = document.createElement("tr");
  Object.assign(row.dataset, { key, url: addressOf(set) });
  row.setAttribute("role", "row");
  const id = `no-automatic-${key}`;
  const words = html`<button type="button" class="switch" role="switch" data-key="${key}" aria-label="Automatic upgrades of ${set.name}"`;
  const control = may("steer") ? html`${words} data-act="automatic"><i></i><span class="narrow">Automatic</span><span class="word"></span></button>` : html`<span class="why-off">${words} aria-disabled="true" aria-describedby="${id}" data-act="tip"><i></i><span class="narrow">Automatic</span><span class="word"></span></button><span role="tooltip" popover="manual" id="${id}">${whyNot("steer")}</span></span>`;
  row.innerHTML = String(html`<th scope="row" role="rowheader" class="name"><a href="${addressOf(set)}" title="${set.name}"><b>${set.name}</b></a><span class="small quiet" title="${set.resource_group}">${set.resource_group}</span></th>
    <td role="cell" class="image"></td><td role="cell" class="cells"><canvas role="img"></canvas><span class="quiet none" hidden></span></td><td role="cell" class="n"></td><td role="cell" class="run"></td><td role="cell" class="policy"></td><td role="cell" class="auto">${control}</td>`);
  return row;
}

export function paintRow(row, board, sum, minis, now) {
  const { scale_set: set } = board;
  show($(".image", row), image(set, sum));
  paintCells(row, board, sum, minis);
  show($(".n", row), sum.size ? html`<span>${number(sum.done)} / ${number(sum.eligible)}</span><span class="small quiet">${sum.out ? `${number(sum.out)} opted out` : ""}</span>` : html`<span>–</span>`);
  show($(".run", row), runs(board) ? progress(board, now) : rest(board, sum));
  show($(".policy", row), policy(policyOf(board)));
  paintSwitch($(".switch", row), set.automatic_upgrade);
}

function image({ image: { offer, sku, version } }, sum) {
  const others = behind(sum);
  const now = others.length ? html`${others.length > 1 ? `${others.length} versions` : others[0]}${sum.target ? html` → <b>${sum.target}</b>` : ", none published"}` : sum.target ?? "none published";
  return html`<span title="${offer} ${sku}">${offer} ${sku}</span><span class="small quiet">${now}${version === "latest" ? "" : " (pinned)"}</span>`;
}

function paintCells(row, { scale_set: set }, sum, minis) {
  const canvas = $("canvas", row), none = $(".none", row);
  canvas.hidden = !sum.size;
  none.hidden = Boolean(sum.size);
  if (!sum.size) return void (none.textContent = set.capacity ? `${many(set.capacity, "instance")} to be made.` : "No instances. Nothing to upgrade.");
  const words = `${set.name}, ${inWords(sum)}`;
  if (canvas.getAttribute("aria-label") !== words) { canvas.setAttribute("aria-label", words); canvas.title = inWords(sum); }
  minis.paint(canvas, sum.counts);
}

function paintSwitch(control, on) {
  if (control.getAttribute("aria-checked") === String(on) && $(".word", control).textContent) return;
  control.setAttribute("aria-checked", on);
  control.removeAttribute("aria-busy");
  $(".word", control).textContent = on ? "On" : "Off";
}

/** Batches as ticks: done, running, to come. */
function progress(board, now) {
  const batches = batchesOf(board, now);
  const current = batches.findLast((one) => !one.planned)?.number ?? 1;
  const status = statusOf(board);
  const of = Math.max(current, batches.length);
  const place = status.word === "Rolling forward" ? `Batch ${current} of ${of}` : `${status.word}, batch ${current} of ${of}`;
  const said = waitsForApproval(board) ? status.word : place; // no batch is under way
  const ticks = batches.map((one) => html`<i ${fillOf(one, board, status.fill)}></i>`);
  return html`<span class="line"><span>${mark(status.fill, status.glyph)} ${said}</span><span class="small quiet">${expected(board, batches, now)}</span></span>
    <span class="ticks${of > 24 ? " many" : ""}" role="img" aria-label="Batch ${current} of ${of}">${ticks}</span>`;
}

function fillOf(batch, board, running) {
  if (batch.planned) return "";
  const failed = batch.ids.some((place) => hasFailed(board.instances[place]));
  return html`data-fill="${failed ? "failure" : batch.ended ? "done" : running}"`;
}

function expected(board, batches, now) {
  if (board.upgrade.paused_by || waitsForApproval(board)) return "";
  const pause = reasonsIn(board).find((one) => one.code === "PauseBetweenBatches");
  if (pause) return `pauses until ${timeAt(pause.until)}`;
  const end = endOf(board, batches, now);
  return end ? `ends ${ahead(end)}` : `since ${timeAt(board.upgrade.started_at)}`;
}

/** How the last upgrade went; under it, what keeps the next from beginning. */
function rest(board, sum) {
  const { upgrade, scale_set: set } = board;
  if (set.deleting) return html`<span class="line"><span>${mark("attention", "held")} Being deleted</span></span>`;
  const status = statusOf(board);
  const head = upgrade ? html`<span class="line"><span>${mark(status.fill, status.glyph)} ${status.word}</span><span class="small quiet">${momentAt(upgrade.ended_at)}</span></span>` : html`<span class="line quiet">${status.word}</span>`;
  const why = held(board, sum);
  const text = why?.text || result(upgrade);
  return html`${head}<span class="small quiet" title="${why?.whole ?? text}">${text}</span>`;
}

/** The weightiest reason, in few words: the row's title has its sentence. */
function held(board, sum) {
  const { decision, automatic_upgrade: isOn } = board.scale_set;
  const first = reasonsIn(board)[0];
  if (first?.code === "AutomaticUpgradesOff" || (!first && !isOn && sum.counts.pending)) return { text: `${number(sum.counts.pending ?? 0)} behind; automatic is off`, whole: first?.text };
  if (first) return isCalm(first.code) && !sum.moving ? null : { text: briefly(first), whole: first.text };
  const isNews = decision.text && decision.code !== "NothingToDo" && (!isCalm(decision.code) || sum.moving);
  return isNews ? { text: decision.text } : null;
}

function result(upgrade) {
  if (!upgrade) return "";
  const { successful, failed } = upgrade.progress;
  return `${number(successful)} upgraded${failed ? `, ${number(failed)} failed` : ""}`;
}

function policy({ max_batch_percent: size, max_unhealthy_percent: all, max_unhealthy_upgraded_percent: upgraded, pause_seconds: pause }) {
  const stops = all === upgraded ? percentText(all) : `${percentText(all)}, upgraded ${percentText(upgraded)}`;
  return html`<span class="small quiet">Batches of ${percentText(size)}${pause ? `, pause ${since(0, pause * 1000)}` : ""}</span><span class="small quiet">Unhealthy at most ${stops}</span>`;
}
