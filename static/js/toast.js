// Messages in the corner: what was done (with undo), what was refused.

import { t } from "./catalogue.js";
import { $, glyph, html, mark, show } from "./dom.js";
import { inZone } from "./sentences.js";

/** @import { Markup } from "./markup.js" */

/**
 * Shows markup for some seconds (0: until it is dismissed); under the mouse or with the focus it stays.
 * @param {Markup} markup
 * @returns {Toast}
 */
export function toast(markup, { fill = "done", seconds = 10 } = {}) {
  const box = /** @type {Toast} */ (document.createElement("div"));
  box.className = "toast notice";
  box.dataset.fill = fill;
  box.setAttribute("role", fill === "failure" ? "alert" : "status");
  box.addEventListener("focusin", ({ relatedTarget }) => {
    const from = /** @type {HTMLElement} */ (relatedTarget);
    if (from && !box.contains(from)) box.cameFrom = from;
  });
  $(".toasts").append(box);
  show(box, markup);
  if (seconds) leave(box, seconds);
  return box;
}

/**
 * @param {HTMLElement} box
 * @param {number} seconds
 */
function leave(box, seconds) {
  setTimeout(
    () => (box.matches(":hover, :focus-within") ? leave(box, 2) : box.remove()),
    seconds * 1000,
  );
}

/**
 * Takes it away; the focus goes back to where it came from.
 * @param {Toast} box
 */
export function drop(box) {
  const hadFocus = box.contains(document.activeElement);
  box.remove();
  if (hadFocus) (box.cameFrom?.isConnected ? box.cameFrom : $("#main")).focus();
}

/** @typedef {HTMLElement & { cameFrom?: HTMLElement }} Toast `cameFrom`: where the focus came from, to go back there */

const DISMISS = html`<div class="actions"><button class="button plain square" data-act="drop"
  aria-label="${t("toast.dismiss")}">${glyph("close")}</button></div>`;

/** @param {string} message */
export function refusal(message, code = "") {
  const words = html`<p>${inZone(message)}${code ? html`<br><code>${code}</code>` : ""}</p>`;
  return toast(html`${mark("failure", "failed")}${words}${DISMISS}`, {
    fill: "failure",
    seconds: 30,
  });
}
