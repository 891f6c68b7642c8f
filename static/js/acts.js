// Forms and buttons that post (htmx): what goes out, and what the answer does. The feed, not the answer, changes the screen.

import { $, html, mark, show } from "./dom.js";
import { refusal, toast } from "./toast.js";

/** A date that a person chose ends with that day in the person's own zone. */
export function prepare(event) {
  const { parameters } = event.detail;
  if (parameters.until_day) parameters.until = new Date(`${parameters.until_day}T23:59:59`).toISOString();
}

/** Every answer is JSON: {said, undo?: {url, values, word}} or {error: {code, message}}. */
export function answered(event) {
  const { xhr, elt, successful, requestConfig } = event.detail;
  if (requestConfig.verb === "get") return;
  const answer = parsed(xhr);
  if (!successful) return refused(elt, answer, xhr.status);
  const dialog = elt.closest?.("dialog");
  if (dialog) dialog.close();
  if (elt.matches?.("form")) { problem(elt, ""); elt.reset(); }
  if (answer.said) said(answer);
}

function parsed(xhr) {
  try { return JSON.parse(xhr.responseText); } catch { return {}; }
}

function refused(element, answer, status) {
  const error = answer.error ?? { code: "", message: status ? `The server answered ${status}. Nothing was changed by this page; try again.` : "The server cannot be reached. Nothing was changed; try again." };
  element.dispatchEvent(new CustomEvent("refused", { bubbles: true }));
  if (element.matches?.("form") && $(".problem", element)) problem(element, error.message);
  else refusal(error.message, error.code);
}

/** The sentence in the form that says what to mend. */
function problem(form, message) {
  const place = $(".problem", form);
  if (!place) return;
  place.hidden = !message;
  show(place, message ? html`${mark("failure", "failed")}<p>${message}</p>` : "");
}

function said({ said: sentence, fill = "done", glyph = "done", undo }) {
  const box = toast(html`${mark(fill, glyph)}<p>${sentence}</p>${undo ? html`<div class="actions"><button class="button">${undo.word ?? "Undo"}</button></div>` : ""}`, { fill });
  if (undo) $("button", box).addEventListener("click", () => { box.remove(); post(undo.url, undo.values); });
}

/** Posts without a form. */
export const post = (url, values) => globalThis.htmx.ajax("POST", url, { values, swap: "none", source: document.body });
