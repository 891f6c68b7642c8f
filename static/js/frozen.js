// A page without news: what it shows may be wrong, so nothing is done from it. Every control that acts is off and says why, and its clocks stand still.

import { $$ } from "./dom.js";
import { refusal } from "./toast.js";

const WHY = {
  stale:
    "This page is out of date: the connection to the server is lost. Controls work again as soon as it is live.",
  "signed-out": "You are signed out. Sign in to go on.",
};
const ACTING = [
  "[hx-post]:not(form)",
  "dialog form .button.main",
  ".switch",
  "#cord",
  "#approve",
  "#confirm-do",
  ".toast .actions button:not(.square)",
  ...[
    "do",
    "opt-in",
    "opt-out-one",
    "opt-out-selected",
    "let-go",
    "publish",
    "withdraw",
    "put-back",
  ].map((act) => `[data-act="${act}"]`),
].join();
const SAYS = ["title", "aria-disabled", "aria-describedby", "aria-description"];
const before = new Map(); // control -> what its attributes were
let why = "",
  last = 0;

export const isFrozen = () => Boolean(why);

/** `kind`: why there is no news. Called again, it turns off what has come meanwhile. */
export function freeze(kind) {
  if (!why) document.addEventListener("click", hold, { capture: true });
  why = WHY[kind] ?? why;
  for (const control of $$(ACTING)) turnOff(control);
}

function turnOff(control) {
  if (control.getAttribute("aria-disabled") === "true" && control.title === why) return;
  if (!before.has(control))
    before.set(
      control,
      SAYS.map((name) => control.getAttribute(name)),
    );
  [why, "true", null, why].forEach((value, i) => write(control, SAYS[i], value));
}

function write(control, name, value) {
  if (value === null) control.removeAttribute(name);
  else control.setAttribute(name, value);
}

/** Live again: everything is as it was before. */
export function thaw() {
  if (!why) return;
  why = "";
  document.removeEventListener("click", hold, { capture: true });
  for (const [control, values] of before)
    values.forEach((value, i) => write(control, SAYS[i], value));
  before.clear();
}

/** The time that is counted with: it stands still while there is no news. */
export function heldTime(now) {
  if (!why) last = now;
  return last || now;
}

function hold(event) {
  if (!event.target.closest?.(ACTING)) return;
  event.preventDefault();
  event.stopPropagation();
  refusal(why);
}
