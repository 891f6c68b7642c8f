// How the connection is: the live chip, and a board that is frozen while there is no news.

import { under } from "./base.js";
import { t } from "./catalogue.js";
import { $, find, html, mark } from "./dom.js";
import { exactTimeAt, zoneName } from "./format.js";
import { freeze, thaw } from "./frozen.js";
import { say } from "./speaking.js";
import { toast } from "./toast.js";

/** @import { Kind, Details } from "./link.js" */

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
export function showConnection(kind, details) {
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
