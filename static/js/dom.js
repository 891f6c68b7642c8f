// The whole of our "framework": escaped templates, one delegated listener, one paint loop.

import { morph } from "./morph.js";

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escape = (value) => String(value).replace(/[&<>"']/g, (c) => ESCAPES[c]);

class Markup {
  constructor(text) {
    this.text = text;
  }
  toString() {
    return this.text;
  }
}

function put(value) {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(put).join("");
  return value === undefined || value === null ? "" : escape(value);
}

/** html`<b>${name}</b>`: values are escaped unless they are html`` themselves; false prints "false", as ARIA wants it. */
export const html = (parts, ...values) =>
  new Markup(parts.reduce((all, part, i) => all + put(values[i - 1]) + part));
/**
 * The first element below `root` that fits, or null. Its members are not checked: the selector says what kind it is.
 * @param {string} selector
 * @param {ParentNode} root
 * @returns {any}
 */
export const $ = (selector, root = document) => root.querySelector(selector);

/**
 * All of them.
 * @param {string} selector
 * @param {ParentNode} root
 * @returns {any[]}
 */
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** What has the focus. */
const focused = () => /** @type {HTMLElement} */ (document.activeElement);

const SPRITE = globalThis.document?.documentElement.dataset.glyphs ?? "";
export const glyphAddress = (name) => `${SPRITE}#g-${name}`;
export const glyph = (name) =>
  html`<svg class="g" aria-hidden="true"><use href="${glyphAddress(name)}"/></svg>`;
/** The state mark: a filled square with its glyph. The word always stands beside it. */
export const mark = (fill, name) =>
  html`<span class="mark" data-fill="${fill}">${glyph(name)}</span>`;
export const word = (face) =>
  html`<span class="state">${mark(face.fill, face.glyph)}${face.word}</span>`;

/**
 * Writes markup only where it differs, so that focus and selection survive a repaint. True where anything differed.
 * data-vars="share:40%;size:3" becomes custom properties: the Content-Security-Policy forbids style attributes in markup.
 */
export function show(target, markup) {
  const text = String(markup);
  if (target.shown === text) return false;
  const wanted = document.createElement("template");
  wanted.innerHTML = target.shown = text;
  const refocus = focusOf(target);
  morph(target, wanted.content);
  refocus();
  for (const element of $$("[data-vars]", target)) setVars(element);
  return true;
}

/** What has the focus keeps it also where it stands elsewhere afterwards: it is known by its data-key. */
export function focusOf(target) {
  const { key, act } = target.contains(focused()) ? focused().dataset : {};
  return () => {
    const now = focused();
    if (
      key === undefined ||
      (target.contains(now) && now.dataset.key === key && now.dataset.act === act)
    )
      return;
    $$("[data-key]", target)
      .find((one) => one.dataset.key === key && one.dataset.act === act)
      ?.focus({ preventScroll: true });
  };
}

/** Turns a control (templates/parts/control.html) off, and says why; with no reason, on. */
export function turn(control, why) {
  control.setAttribute("aria-disabled", Boolean(why));
  if (why) control.setAttribute("aria-describedby", `why-${control.id}`);
  else control.removeAttribute("aria-describedby");
  $(`#why-${control.id}`).textContent = why;
}

function setVars(element) {
  for (const pair of element.dataset.vars.split(";")) {
    const [name, value] = pair.split(":");
    element.style.setProperty(`--${name}`, value);
  }
}

/**
 * Where an event happened; null where that is no element, as the document is none.
 * @param {Event} event
 * @returns {HTMLElement | null}
 */
export const elementOf = (event) =>
  event.target instanceof HTMLElement || event.target instanceof SVGElement
    ? /** @type {HTMLElement} */ (event.target)
    : null;

/** The one delegated listener: data-act names the handler, for click, input, change and submit (data-on). */
export function listen(acts) {
  const run = (event) => {
    const element = /** @type {HTMLElement | null} */ (elementOf(event)?.closest("[data-act]"));
    const act = element && acts[element.dataset.act ?? ""];
    if (!act || (element.dataset.on ?? "click") !== event.type) return;
    if (event.type === "submit") event.preventDefault();
    act(element, event);
  };
  for (const type of ["click", "input", "change", "submit"]) document.addEventListener(type, run);
}

/**
 * What has just appeared takes no click for a moment: a second click, or key, is meant for what stood there before. The style sheet
 * (parts.css, fresh) keeps the pointer off; this is for keys, and for whatever else clicks.
 */
export function keepFreshOff() {
  document.addEventListener(
    "click",
    (event) => {
      const control = elementOf(event)?.closest(".button, .switch");
      if (!control || getComputedStyle(control).pointerEvents !== "none") return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    { capture: true },
  );
}

/** Answers a function that has `paint` called: at most ten times a second (every `pause` ms), and only when asked. */
export function painter(paint, pause = 100) {
  let asked = false,
    last = 0;
  const run = (now) => {
    asked = false;
    last = now;
    paint();
  };
  return function ask() {
    if (asked) return;
    asked = true;
    setTimeout(() => requestAnimationFrame(run), Math.max(0, pause - (performance.now() - last)));
  };
}
