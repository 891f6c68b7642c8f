// What cannot be taken back asks first: the server says what would follow (docs/operations.md), and its main button does it.

import { post, refused } from "./acts.js";
import { $, html, mark, show, turn } from "./dom.js";
import { many, momentAt, span, zoneName } from "./format.js";
import { inZone } from "./sentences.js";

const MAX_ANSWER_MS = 30000; // ms
const ASKING_AT_MOST = 10000; // ms
const NO_ANSWER = {
  code: "",
  message: "No answer came from the server. Nothing was changed; try again.",
};
const MAX_OPT_OUTS = 6; // named one by one
let asked = null; // {url, values, control, sent}: what the dialog is about

/**
 * Asks the server at this address what would follow; then the person, or does it where nothing is begun. `sent`: called
 * when it is.
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
  if (!answer?.ok || !said) return refused(control, { error: said?.error ?? NO_ANSWER });
  asked = { url: said.url, values: said.values, control, sent };
  if (said.possible && !said.asks) return send();
  open(said);
}

function open(said) {
  const dialog = $("#confirm");
  $("#confirm-name").textContent = said.title;
  show($("#confirm-says"), effects(said));
  $("#confirm-do span").textContent = said.word;
  $("#confirm [data-act=close]").textContent = said.back ?? "Cancel";
  turn($("#confirm-do"), said.why);
  $(".problem", dialog).hidden = true;
  if (!dialog.open) dialog.showModal();
}

/** Sent once, however often it is clicked; a refusal stands in the dialog. */
export async function confirmed(form) {
  if (
    $("#confirm-do").getAttribute("aria-disabled") === "true" ||
    form.getAttribute("aria-busy") === "true"
  )
    return;
  form.setAttribute("aria-busy", "true");
  asked.sent();
  await post(asked.url, asked.values, form);
  form.removeAttribute("aria-busy");
}

async function send() {
  const { url, values, control, sent } = asked;
  control.setAttribute("aria-busy", "true");
  sent();
  if (control.matches(".switch")) untilTurned(control);
  await post(url, values, control);
  if (!control.matches(".switch")) control.removeAttribute("aria-busy");
}

/** The feed's answer turns a switch, not ours; a refusal leaves it as it is, or nothing settles it for a while. */
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

/** What the server says would follow. Pure. */
export function effects({ says, why, opt_outs: optOuts, held, batches, more, lasts }) {
  return html`${why ? notice("attention", why) : ""}${optOuts.length ? owners(optOuts) : ""}
    ${says.map((one) => html`<p>${inZone(one)}</p>`)}
    ${held.map((one) => notice("waiting", one))}
    ${batches.length ? outline(batches, more) : ""}
    ${lasts ? html`<p class="quiet">Expected to take ${time(lasts)}.</p>` : ""}`;
}

const notice = (fill, text) =>
  html`<p class="notice" data-fill="${fill}">${mark(fill, "held")}<span>${inZone(text)}</span></p>`;

function owners(list) {
  const more = list.length - MAX_OPT_OUTS;
  return html`<ul class="owned">${list.slice(0, MAX_OPT_OUTS).map(owned)}</ul>
    ${more > 0 ? html`<p class="quiet">And ${more} more.</p>` : ""}`;
}

function owned({ name, owner, reason, scope, until }) {
  const day = until ? `until ${momentAt(until)} ${zoneName(until)}` : "with no end";
  const end = scope === "upgrade" ? "until the upgrade is complete" : day;
  return html`<li><b>${name}</b>, opted out by ${owner} ${end}: ${reason}</li>`;
}

function outline(batches, more) {
  const rest = more ? html`<li class="quiet">${many(more, "more batch", "more batches")}</li>` : "";
  return html`<ol class="outline">${batches.map(batch)}${rest}</ol>`;
}

function batch({ number, count, instances, zones }) {
  const where = zones.length ? `, zone ${zones.join(", ")}` : "";
  return html`<li><b>Batch ${number}</b> ${many(count, "instance")}${where} <span class="quiet">${instances}</span></li>`;
}

function time([low, high]) {
  const [shortest, longest] = [low, high].map((seconds) => span(seconds * 1000));
  return shortest === longest ? shortest : `${shortest} to ${longest}`;
}
