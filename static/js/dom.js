// Writing into the page: only what differs, with the focus kept, and not more often than anybody can see.

import { morph } from "./morph.js";
import { $, $$ } from "./select.js";

/** @import { Markup } from "./markup.js" */

export { glyph, glyphAddress, html, mark, word } from "./markup.js";
export { $, $$, field, find } from "./select.js";

/** What has the focus. */
const focused = () => /** @type {HTMLElement} */ (document.activeElement);

/**
 * Writes markup only where it differs, so that focus and selection survive a repaint. True where anything differed.
 * data-vars="share:40%;size:3" becomes custom properties: the Content-Security-Policy forbids style attributes in markup.
 * @param {HTMLElement & { shown?: string }} target
 * @param {Markup | string} markup
 */
export function show(target, markup) {
  const text = String(markup);
  if (target.shown === text) return false;
  const wanted = document.createElement("template");
  wanted.innerHTML = target.shown = text;
  const refocus = keepFocus(target);
  morph(target, wanted.content);
  refocus();
  for (const element of $$("[data-vars]", target)) setVars(element);
  return true;
}

/**
 * Notes what has the focus within `target`; the function it returns gives the focus back, also where that stands elsewhere by then: it
 * is known by its data-key.
 * @param {HTMLElement} target
 */
export function keepFocus(target) {
  const { key, act } = target.contains(focused()) ? focused().dataset : {};
  return () => {
    const now = focused();
    if (
      key === undefined ||
      (target.contains(now) && now.dataset.key === key && now.dataset.act === act)
    )
      return;
    $$("[data-key]", target)
      .find((element) => element.dataset.key === key && element.dataset.act === act)
      ?.focus({ preventScroll: true });
  };
}

/**
 * Writes a text where it differs.
 * @param {Element} element
 * @param {string} text
 */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Turns a control (templates/parts/control.html) off, and says why; with no reason, on.
 * @param {HTMLElement} control
 * @param {string} why
 */
export function turn(control, why) {
  control.setAttribute("aria-disabled", String(Boolean(why)));
  if (why) control.setAttribute("aria-describedby", `why-${control.id}`);
  else control.removeAttribute("aria-describedby");
  $(`#why-${control.id}`).textContent = why;
}

/** @param {HTMLElement} element */
function setVars(element) {
  for (const pair of (element.dataset.vars ?? "").split(";")) {
    const [name, value] = pair.split(":");
    element.style.setProperty(`--${name}`, value);
  }
}

/**
 * Answers a function that has `paint` called: at most ten times a second (every `pause` ms), and only when asked.
 * @param {() => void} paint
 */
export function painter(paint, pause = 100) {
  let isAsked = false,
    last = 0;
  const run = (/** @type {number} */ now) => {
    isAsked = false;
    last = now;
    paint();
  };
  return function ask() {
    if (isAsked) return;
    isAsked = true;
    setTimeout(() => requestAnimationFrame(run), Math.max(0, pause - (performance.now() - last)));
  };
}
