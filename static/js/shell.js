// What every page has: theme, toasts, dialogs, tips, and forms that commands answer.

import { keepFreshOff, listen } from "./events.js";
import { answered, prepare } from "./acts.js";
import { sendConfirmed } from "./confirm.js";
import { endFleetStop, openFleetStop } from "./fleet-stop-acts.js";
import { listenTips, showTip } from "./tips.js";
import { drop } from "./toast.js";

/** @import { Handler } from "./events.js" */

const THEME = "rollgrid-theme";

/**
 * Wires the page; `acts` are its own handlers for data-act.
 * @param {Record<string, Handler>} acts
 */
export function openShell(acts = {}) {
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
