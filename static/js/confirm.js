// What cannot be taken back asks first: the server says what would follow (docs/operations.md), and its main button does it.

import { post, refused } from "./acts.js";
import { t, tPieces } from "./catalogue.js";
import { $, html, mark, show, turn } from "./dom.js";
import { zoneName } from "./format.js";
import { changesOf } from "./image-changes.js";
import { textOf } from "./sentences.js";
import { span } from "./spans.js";
import "./texts-dialogs.js";

const MAX_ANSWER_MS = 30000; // ms
const ASKING_AT_MOST = 10000; // ms
const NO_ANSWER = {
  code: "",
  message: t("confirm.no_answer"),
};
const MAX_OPT_OUTS = 6; // named one by one

/**
 * @import { Changes } from "./image-changes.js"
 * @import { Sentence } from "./sentences.js"
 *
 * @typedef {{ name: string, owner: string, reason: string, scope: "upgrade" | "until", until: string | null }} OptOut
 * @typedef {{ number: number, count: number, instances: string, zones: string[] }} PlannedBatch
 *
 * What the server says would follow. `asks`: a person is to be asked; `why`: why it cannot be done; `lasts`: the shortest and the longest
 * time, in seconds.
 * @typedef {{ url: string, values: Record<string, string>, possible: boolean, asks: boolean, title: string, word: string, back?: string,
 *   says: Sentence[], changes?: Changes[], why: Sentence, opt_outs: OptOut[], held: Sentence[], batches: PlannedBatch[], more: number,
 *   lasts: [number, number] | null }} Effects
 *
 * @typedef {{ url: string, values: Record<string, string>, control: HTMLElement, sent: () => void }} Asked
 */

/** @type {Asked | null} what the dialog is about */
let asked = null;

/**
 * Asks the server at this address what would follow; then the person, or does it where nothing is begun. `sent`: called
 * when it is.
 * @param {string} address
 * @param {HTMLElement} control
 * @param {() => void} sent
 * @returns {Promise<unknown>}
 */
export async function consider(address, control, sent = () => {}) {
  if (
    control.getAttribute("aria-disabled") === "true" ||
    control.getAttribute("aria-busy") === "true"
  )
    return;
  control.setAttribute("aria-busy", "true");
  const answer = await fetch(address, { signal: AbortSignal.timeout(MAX_ANSWER_MS) }).catch(
    () => null,
  );
  const said = await answer?.json().catch(() => null);
  control.removeAttribute("aria-busy");
  if (!answer?.ok || !said)
    return refused(control, { error: said?.error ?? NO_ANSWER }, answer?.status ?? 0);
  asked = { url: said.url, values: said.values, control, sent };
  if (said.possible && !said.asks) return send(asked);
  open(said);
}

/** @param {Effects} said */
function open(said) {
  const dialog = $("#confirm");
  $("#confirm-name").textContent = said.title;
  show($("#confirm-says"), effects(said));
  $("#confirm-do span").textContent = said.word;
  $("#confirm [data-act=close]").textContent = said.back ?? t("confirm.cancel");
  turn($("#confirm-do"), textOf(said.why));
  $(".problem", dialog).hidden = true;
  if (!dialog.open) dialog.showModal();
}

/**
 * Sent once, however often it is clicked; a refusal stands in the dialog.
 * @param {HTMLElement} form
 */
export async function sendConfirmed(form) {
  if (
    !asked ||
    $("#confirm-do").getAttribute("aria-disabled") === "true" ||
    form.getAttribute("aria-busy") === "true"
  )
    return;
  form.setAttribute("aria-busy", "true");
  asked.sent();
  await post(asked.url, asked.values, form);
  form.removeAttribute("aria-busy");
}

/** @param {Asked} asked */
async function send({ url, values, control, sent }) {
  control.setAttribute("aria-busy", "true");
  sent();
  if (control.matches(".switch")) untilTurned(control);
  await post(url, values, control);
  if (!control.matches(".switch")) control.removeAttribute("aria-busy");
}

/**
 * The feed's answer turns a switch, not ours; a refusal leaves it as it is, or nothing settles it for a while.
 * @param {HTMLElement} control
 */
function untilTurned(control) {
  const settled = () => {
    turned.disconnect();
    control.removeAttribute("aria-busy");
  };
  const turned = new MutationObserver(settled);
  turned.observe(control, { attributeFilter: ["aria-checked"] });
  control.addEventListener("refused", settled, { once: true });
  setTimeout(settled, ASKING_AT_MOST);
}

/**
 * What the server says would follow. Pure.
 * @param {Effects} effects
 */
export function effects({
  says,
  changes = [],
  why,
  opt_outs: optOuts,
  held,
  batches,
  more,
  lasts,
}) {
  return html`${why.text ? notice("attention", why) : ""}${optOuts.length ? owners(optOuts) : ""}
    ${says.map((sentence) => html`<p>${textOf(sentence)}</p>`)}
    ${changes.map(changesOf)} ${held.map((sentence) => notice("waiting", sentence))}
    ${batches.length ? outline(batches, more) : ""}
    ${lasts ? html`<p class="quiet">${t("confirm.lasts", { time: time(lasts) })}</p>` : ""}`;
}

/**
 * @param {string} fill
 * @param {Sentence} sentence
 */
const notice = (fill, sentence) =>
  html`<p class="notice" data-fill="${fill}">${mark(fill, "held")}<span>${textOf(sentence)}</span></p>`;

/** @param {OptOut[]} list */
function owners(list) {
  const more = list.length - MAX_OPT_OUTS;
  return html`<ul class="owned">${list.slice(0, MAX_OPT_OUTS).map(owned)}</ul>
    ${more > 0 ? html`<p class="quiet">${t("confirm.more", { count: more })}</p>` : ""}`;
}

/** @param {OptOut} optOut */
function owned({ name, owner, reason, scope, until }) {
  const day = until ? t("confirm.until", { until, zone: zoneName(until) }) : t("confirm.no_end");
  const end = scope === "upgrade" ? t("confirm.until_upgrade") : day;
  const unbroken = html`<span class="nowrap">${end}</span>`;
  return html`<li><b>${name}</b>${tPieces("confirm.opted_out", { owner, end: unbroken, reason })}</li>`;
}

/**
 * @param {PlannedBatch[]} batches
 * @param {number} more
 */
function outline(batches, more) {
  const rest = more ? html`<li class="quiet">${t("confirm.batches", { count: more })}</li>` : "";
  return html`<ol class="outline">${batches.map(batch)}${rest}</ol>`;
}

/** @param {PlannedBatch} batch */
function batch({ number, count, instances, zones }) {
  const where = zones.length ? t("confirm.zone", { zones: zones.join(", ") }) : "";
  return html`<li><b>${t("confirm.batch", { number })}</b> ${t("confirm.size", { count })}${where} <span class="quiet">(${instances})</span></li>`;
}

/** @param {[number, number]} range */
function time([low, high]) {
  const [shortest, longest] = [low, high].map((seconds) => span(seconds * 1000));
  return shortest === longest ? shortest : t("confirm.range", { low: shortest, high: longest });
}
