// Deployments of templates: the server shows them; here are the times of whoever looks, also in what comes anew, and reading of files.

import { $$, $ } from "./dom.js";
import { listen } from "./events.js";
import { fullMomentAt } from "./format.js";
import { openShell } from "./shell.js";

function showTimes() {
  for (const time of $$("time[datetime]")) {
    time.title = new Date(time.dateTime).toISOString();
    time.textContent = fullMomentAt(time.dateTime);
  }
}

/**
 * Reads a file into the form: it is sent as text.
 * @param {HTMLElement} field
 */
async function read(field) {
  const file = /** @type {HTMLInputElement} */ (field).files?.[0];
  if (!file) return;
  const text = /** @type {HTMLTextAreaElement} */ ($("textarea[name=text]"));
  text.value = await file.text();
  /** @type {HTMLInputElement} */ ($("input[name=file]")).value = file.name;
}

openShell();
showTimes();
listen({ read });
document.body.addEventListener("htmx:afterSettle", showTimes);
