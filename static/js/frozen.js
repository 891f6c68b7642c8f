// A page without news: what it shows may be wrong, so nothing is done from it. Every control that acts is off and says why, and its clocks stand still.

import { t } from "./catalogue.js";
import { $$ } from "./dom.js";
import { elementOf } from "./events.js";
import { refusal } from "./toast.js";

/** @import { Kind } from "./link.js" */

/** @type {Record<string, string>} */
const WHY = {
  stale: t("frozen.stale"),
  "signed-out": t("frozen.signed-out"),
};
const ACTING = [
  "[hx-post]:not(form)",
  "dialog form .button.main",
  ".switch",
  "#fleet-stop-control",
  "#approve",
  "#confirm-do",
  ".toast .actions button:not(.square)",
  ...[
    "do",
    "opt-in",
    "opt-out-one",
    "opt-out-selected",
    "end-fleet-stop",
    "publish",
    "withdraw",
    "put-back",
  ].map((act) => `[data-act="${act}"]`),
].join();
const SAYS = ["title", "aria-disabled", "aria-describedby", "aria-description"];
/** @type {Map<HTMLElement, (string | null)[]>} what the attributes of each control were */
const before = new Map();
let why = "",
  last = 0;

export const isFrozen = () => Boolean(why);

/**
 * `kind`: why there is no news. Called again, it turns off what has come meanwhile.
 * @param {Kind} [kind]
 */
export function freeze(kind) {
  if (!why) document.addEventListener("click", refuseClick, { capture: true });
  why = WHY[kind ?? ""] ?? why;
  for (const control of $$(ACTING)) turnOff(control);
}

/** @param {HTMLElement} control */
function turnOff(control) {
  if (control.getAttribute("aria-disabled") === "true" && control.title === why) return;
  if (!before.has(control))
    before.set(
      control,
      SAYS.map((name) => control.getAttribute(name)),
    );
  [why, "true", null, why].forEach((value, i) => write(control, SAYS[i], value));
}

/**
 * @param {HTMLElement} control
 * @param {string} name
 * @param {string | null} value
 */
function write(control, name, value) {
  if (value === null) control.removeAttribute(name);
  else control.setAttribute(name, value);
}

/** Live again: everything is as it was before. */
export function thaw() {
  if (!why) return;
  why = "";
  document.removeEventListener("click", refuseClick, { capture: true });
  for (const [control, values] of before)
    values.forEach((value, i) => write(control, SAYS[i], value));
  before.clear();
}

/**
 * The time that is counted with: it stands still while there is no news.
 * @param {number} now
 */
export function heldTime(now) {
  if (!why) last = now;
  return last || now;
}

/** @param {Event} event */
function refuseClick(event) {
  if (!elementOf(event)?.closest(ACTING)) return;
  event.preventDefault();
  event.stopPropagation();
  refusal(why);
}
