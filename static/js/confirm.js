// What cannot be taken back asks first: the server says what would follow (docs/operations.md), and its main button does it.

import { post } from "./acts.js";
import { $, html, mark, show, turn } from "./dom.js";
import { many, momentAt, span, zoneName } from "./format.js";
import { refusal } from "./toast.js";

const LONGEST_ANSWER = 30000; // ms
const ASKING_AT_MOST = 10000; // ms
let asked = null; // {url, values, control, sent}: what the dialog is about

/** Asks the server at this address what would follow; then the person, or does it where nothing is begun. `sent`: called when it is. */
export async function consider(address, control, sent = () => {}) {
  if (control.getAttribute("aria-disabled") === "true" || control.getAttribute("aria-busy") === "true") return;
  control.setAttribute("aria-busy", "true");
  const answer = await fetch(address, { signal: AbortSignal.timeout(LONGEST_ANSWER) }).catch(() => null);
  const said = await answer?.json().catch(() => null);
  control.removeAttribute("aria-busy");
  if (!answer?.ok || !said) return refusal(said?.error?.message ?? "No answer came from the server. Nothing was changed; try again.", said?.error?.code);
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
  if ($("#confirm-do").getAttribute("aria-disabled") === "true" || form.getAttribute("aria-busy") === "true") return;
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
  return html`${why ? html`<p class="notice" data-fill="attention">${mark("attention", "held")}<span>${why}</span></p>` : ""}
    ${optOuts.length ? html`<ul class="owned">${optOuts.slice(0, 6).map(owned)}</ul>${optOuts.length > 6 ? html`<p class="quiet">And ${optOuts.length - 6} more.</p>` : ""}` : ""}
    ${says.map((one) => html`<p>${one}</p>`)}
    ${held.map((one) => html`<p class="notice" data-fill="waiting">${mark("waiting", "held")}<span>${one}</span></p>`)}
    ${batches.length ? html`<ol class="outline">${batches.map(batch)}${more ? html`<li class="quiet">${many(more, "more batch", "more batches")}</li>` : ""}</ol>` : ""}
    ${lasts ? html`<p class="quiet">Expected to take ${time(lasts)}.</p>` : ""}`;
}

const owned = ({ name, owner, reason, scope, until }) => html`<li><b>${name}</b>, opted out by ${owner}${scope === "upgrade" ? " until the upgrade is complete" : until ? ` until ${momentAt(until)} ${zoneName()}` : ", with no end"}: ${reason}</li>`;

const batch = ({ number, count, instances, zones }) => html`<li><b>Batch ${number}</b> ${many(count, "instance")}${zones.length ? `, zone ${zones.join(", ")}` : ""} <span class="quiet">${instances}</span></li>`;

function time([low, high]) {
  const [shortest, longest] = [low, high].map((seconds) => span(seconds * 1000));
  return shortest === longest ? shortest : `${shortest} to ${longest}`;
}
