// The buttons that stop all automatic upgrades, and resume them.

import { consider } from "./confirm.js";
import { $, field } from "./dom.js";
import { zoneName } from "./format.js";
import { showTip } from "./tips.js";

const USUALLY = 864e5; // ms: a day, never silently for ever

/** @param {HTMLElement} button */
export function openFleetStop(button) {
  if (button.getAttribute("aria-disabled") === "true") return showTip(button.closest(".why-off"));
  const dialog = $("#stop-fleet"),
    form = $("form", dialog);
  form.reset();
  const until = field(form, "until_local");
  until.value = local(Date.now() + USUALLY);
  until.min = local(Date.now());
  $(".zone", form).textContent = `, ${zoneName()}`;
  $(".problem", form).hidden = true;
  dialog.showModal();
}

/**
 * As an input of a local time has it, to the minute.
 * @param {number} at
 */
const local = (at) =>
  new Date(at - new Date(at).getTimezoneOffset() * 6e4).toISOString().slice(0, 16);

/** @param {HTMLElement} button */
export const endFleetStop = (button) =>
  consider(`${document.body.dataset.endFleetStop}would/`, button);
