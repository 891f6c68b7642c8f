// The links of wallboards: the server shows them; here are the times of whoever looks, copying, and how many clients there are now.

import { $$, $ } from "./dom.js";
import { listen } from "./events.js";
import { fullMomentAt } from "./format.js";
import { openShell } from "./shell.js";

const ASK_MS = 5000;

openShell();
for (const time of $$("time[datetime]")) {
  time.title = new Date(time.dateTime).toISOString();
  time.textContent = fullMomentAt(time.dateTime);
}

/**
 * Copies what a field shows; where the browser does not let us (over plain http), it is selected.
 * @param {HTMLElement} button
 */
async function copy(button) {
  const field = /** @type {HTMLInputElement} */ (document.getElementById(button.dataset.of ?? ""));
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    if (!document.execCommand("copy")) return;
  }
  button.textContent = button.dataset.done ?? "";
}

/** Shows the numbers of clients; a dash where the server does not know them. */
async function count() {
  const answer = await fetch($("main").dataset.clients ?? "", {
    headers: { Accept: "application/json" },
  });
  if (!answer.ok) return;
  const { clients } = await answer.json();
  for (const cell of $$("[data-link]")) {
    cell.textContent = clients ? String(clients[cell.dataset.link ?? ""] ?? 0) : "–";
  }
}

// One who picks a scale set means those that are picked.
function pick() {
  const some = /** @type {HTMLInputElement} */ ($("input[name=sees][value=some]"));
  some.checked = true;
}

listen({ copy });
document.querySelector(".picker")?.addEventListener("change", pick);
if ($$("[data-link]").length) setInterval(() => void count().catch(() => {}), ASK_MS);
