// What every page has: live chip, theme, toasts, dialogs, the spoken sentence, and forms that commands answer.

import { $, find, html, mark } from "./dom.js";
import { keepFreshOff, listen } from "./events.js";
import { exactTimeAt, zoneName } from "./format.js";
import { answered, prepare } from "./acts.js";
import { under } from "./base.js";
import { t } from "./catalogue.js";
import { sendConfirmed } from "./confirm.js";
import { endFleetStop, openFleetStop } from "./fleet-stop.js";
import { freeze, thaw } from "./frozen.js";
import { listenTips, showTip } from "./tips.js";
import { drop, toast } from "./toast.js";

/**
 * @import { Content } from "./markup.js"
 * @import { Handler } from "./events.js"
 * @import { Kind, Details } from "./link.js"
 */

const THEME = "rollgrid-theme";

/**
 * Wires the page; `acts` are its own handlers for data-act.
 * @param {Record<string, Handler>} acts
 */
export function openShell(acts = {}) {
  const wanted = new URLSearchParams(location.search).get("theme");
  if (wanted) document.documentElement.dataset.theme = wanted;
  listen({
    theme: turnTheme,
    close: closeDialog,
    drop: (element) => drop(/** @type {HTMLElement} */ (element.closest(".toast"))),
    tip,
    "fleet-stop": openFleetStop,
    "end-fleet-stop": endFleetStop,
    confirmed: sendConfirmed,
    ...acts,
  });
  listenTips();
  keepFreshOff();
  document.addEventListener("htmx:configRequest", prepare);
  document.addEventListener("htmx:afterRequest", (event) =>
    answered(/** @type {CustomEvent} */ (event)),
  );
}

function turnTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  localStorage.setItem(THEME, root.dataset.theme);
  dispatchEvent(new Event("themechange"));
}

/** @param {HTMLElement} element */
function closeDialog(element) {
  element.closest("dialog")?.close();
}
/** @param {HTMLElement} element */
function tip(element) {
  if (element.getAttribute("aria-disabled") === "true") showTip(element.closest(".why-off"));
}

/** @type {Record<Kind, [string, (details: Details) => string]>} */
const CHIP = {
  connecting: ["waiting", () => t("connection.connecting")],
  live: ["done", ({ lag = 0 }) => t("connection.live", { seconds: (lag / 1000).toFixed(1) })],
  polling: ["attention", () => t("connection.polling")],
  reconnecting: ["attention", () => t("connection.reconnecting")],
  stale: [
    "failure",
    ({ since = 0 }) => t("connection.stale", { time: exactTimeAt(since), zone: zoneName() }),
  ],
  "signed-out": ["failure", () => t("connection.signed-out")],
};
let lastKind = "";

/**
 * The live chip; a stale board is hatched, it never keeps smiling green.
 * @param {Kind} kind
 * @param {Details} details
 */
export function standing(kind, details) {
  const [fill, wordsOf] = CHIP[kind];
  const chip = $("#feed");
  if (lastKind !== kind) Object.assign(chip.dataset, { feed: kind, fill });
  const words = wordsOf(details);
  const place = $("span", chip);
  if (place.textContent !== words) place.textContent = words;
  if (lastKind !== kind) announce(kind, words);
  lastKind = kind;
}

/**
 * Said aloud only where it matters: the chip itself changes each second.
 * @param {Kind} kind
 * @param {string} words
 */
function announce(kind, words) {
  const isDead = kind === "stale" || kind === "signed-out";
  document.body.classList.toggle("stale", isDead);
  if (isDead) freeze(kind);
  else thaw();
  if (kind === "signed-out") showSignedOut();
  else find("#signed-out")?.remove();
  if (isDead) say(`${words}.`, { urgent: true });
  else if (kind === "live" && (lastKind === "stale" || lastKind === "signed-out"))
    say(t("connection.live_again"), { urgent: true });
}

function showSignedOut() {
  const back = `${under("login/")}?next=${encodeURIComponent(location.pathname + location.search)}`;
  const link = html`<div class="actions"><a class="button" href="${back}">${t("connection.sign_in")}</a></div>`;
  const words = html`${mark("failure", "failed")}<p>${t("connection.sign_in_to_see")}</p>${link}`;
  const box = toast(words, { fill: "failure", seconds: 0 });
  box.id = "signed-out";
}

let lastSaid = -Infinity;
/**
 * One polite sentence at most every ten seconds; `urgent` (a stop, a limit passed) at once.
 * @param {string} sentence
 */
export function say(sentence, { urgent = false } = {}) {
  const place = $(urgent ? "#alerts" : "#says");
  if (place.textContent === sentence || (!urgent && performance.now() - lastSaid < 10000)) return;
  lastSaid = performance.now();
  place.textContent = sentence;
}

/**
 * A control that cannot be used: stays reachable, says why.
 * @param {Content} label
 * @param {string} why
 * @param {string} id
 */
export const off = (
  label,
  why,
  id,
) => html`<span class="why-off"><button type="button" class="button"
  aria-disabled="true" aria-describedby="${id}" data-act="tip">${label}</button><span role="tooltip" popover="manual"
  id="${id}">${why}</span></span>`;

/**
 * What the signed-in person may do: body[data-may="steer opt_out"], and why not the rest: body[data-why-opt_in].
 * @param {string} right
 */
export const may = (right) => (document.body.dataset.may ?? "").split(" ").includes(right);
/** @param {string} right */
export const whyNot = (right) => document.body.getAttribute(`data-why-${right}`) ?? "";
