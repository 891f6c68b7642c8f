// What people do: forms and buttons that post (htmx), and posts without a form. The feed, not the answer, changes the screen.

import { t } from "./catalogue.js";
import { $, find, html, mark, show } from "./dom.js";
import { inZone } from "./sentences.js";
import { drop, refusal, toast } from "./toast.js";
import "./texts-dialogs.js";

/**
 * What htmx is about to send.
 * @typedef {{ parameters: Record<string, string>, elt: HTMLElement }} Request
 *
 * What the server answers: what was done (`undo` takes it back), or what was wrong.
 * @typedef {{ said?: string, fill?: string, glyph?: string, undo?: { url: string, values: Record<string, string> },
 *   error?: { code: string, message: string } }} Answer
 */

const MAX_ANSWER_MS = 30000; // the same for forms is in base.html

/**
 * A time that a person chose is of the person's own zone; a date ends with that day. What is off is not sent.
 * @param {Event} event
 */
export function prepare(event) {
  const { parameters, elt } = /** @type {CustomEvent<Request>} */ (event).detail;
  if (elt.getAttribute("aria-disabled") === "true") return event.preventDefault();
  if (parameters.until_day && parameters.scope !== "upgrade")
    parameters.until = endOf(parameters.until_day);
  if (parameters.until_local) parameters.until = inUtc(parameters.until_local);
}

/** @param {string} day */
const endOf = (day) => inUtc(`${day}T23:59:59`);

/** @param {string} local */
function inUtc(local) {
  const at = new Date(local);
  return Number.isNaN(at.getTime()) ? local : at.toISOString(); // the server says what is wrong with it
}

/**
 * Every answer is JSON: {said, undo?: {url, values}} or {error: {code, message}}.
 * @param {CustomEvent<{ xhr: XMLHttpRequest, elt: HTMLElement }>} event
 */
export function answered({ detail: { xhr, elt } }) {
  settle(elt, xhr.status, parsed(xhr.responseText));
}

/**
 * @param {string} text
 * @returns {Answer}
 */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/**
 * @param {HTMLElement} element
 * @param {number} status
 * @param {Answer} answer
 */
function settle(element, status, answer) {
  if (!(status >= 200 && status < 300)) return refused(element, answer, status);
  if (element.matches("form")) {
    problem(element, "");
    element.closest("dialog")?.close();
    /** @type {HTMLFormElement} */ (element).reset();
  }
  element.dispatchEvent(new CustomEvent("done", { bubbles: true }));
  if (answer.said) showDone(answer.said, answer);
}

/** @param {number} status */
function messageFor(status) {
  if (!status) return t("acts.no_answer");
  if (status === 403) return t("acts.signed_in_since");
  return t("acts.answered", { status });
}

/**
 * @param {HTMLElement} element
 * @param {Answer} answer
 * @param {number} status
 */
export function refused(element, answer, status) {
  const error = answer.error ?? { code: "", message: messageFor(status) };
  element.dispatchEvent(new CustomEvent("refused", { bubbles: true }));
  if (element.matches("form") && find(".problem", element)) problem(element, error.message);
  else refusal(error.message, error.code);
}

/**
 * The sentence in the form that says what to mend.
 * @param {HTMLElement} form
 * @param {string} message
 */
export function problem(form, message) {
  const place = find(".problem", form);
  if (!place) return;
  place.hidden = !message;
  show(place, message ? html`${mark("failure", "failed")}<p>${inZone(message)}</p>` : "");
}

/**
 * Says what was done, with a way back where there is one.
 * @param {string} sentence
 * @param {Answer} answer
 */
function showDone(sentence, { fill = "done", glyph = "done", undo }) {
  const button = html`<div class="actions"><button class="button">${t("acts.undo")}</button></div>`;
  const box = toast(html`${mark(fill, glyph)}<p>${inZone(sentence)}</p>${undo ? button : ""}`, {
    fill,
  });
  if (undo) $("button", box).addEventListener("click", () => takeBack(box, undo));
}

/**
 * @param {HTMLElement} box
 * @param {NonNullable<Answer["undo"]>} undo
 */
function takeBack(box, { url, values }) {
  drop(box);
  post(url, values);
}

/**
 * Posts without a form. Not by htmx: of several at once from one element it would send the first and the last.
 * @param {string} url
 * @param {Record<string, string>} values
 * @param {HTMLElement} element
 * @returns {Promise<void>}
 */
export async function post(url, values, element = document.body) {
  const headers = JSON.parse(document.body.getAttribute("hx-headers") ?? "{}");
  const body = new URLSearchParams(values),
    signal = AbortSignal.timeout(MAX_ANSWER_MS);
  const answer = await fetch(url, { method: "POST", headers, body, signal }).catch(() => null);
  settle(element, answer?.status ?? 0, parsed((await answer?.text().catch(() => "")) ?? ""));
}
