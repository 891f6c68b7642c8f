// The same as a wall's canvas in a table, for who listens: each scale set with its counts, its reason, and the instances that are not well.

import { t } from "./catalogue.js";
import { $, html, show, write } from "./dom.js";
import { STATES } from "./faces.js";
import { number } from "./format.js";
import { names } from "./spans.js";
import { COUNTED, setSays } from "./wall-say.js";
import "./texts-wall.js";

/** @import { Counted } from "./fleet-counts.js" */

const EVERY_MS = 10_000;
const MAX_NAMES = 50;
const BAD = new Set(["attention", "failure"]);
let told = -Infinity,
  said = -Infinity;

/**
 * Not more often than anybody can listen.
 * @param {Counted[]} fleet
 */
export function paintTwin(fleet) {
  const now = performance.now();
  if (now - told < EVERY_MS && fleet.length) return;
  told = now;
  const words = [
    t("wall.twin_set"),
    t("wall.twin_state"),
    ...COUNTED.map(({ word }) => word),
    t("wall.twin_reason"),
    t("wall.twin_bad"),
  ];
  show(
    $("#twin"),
    html`<caption>${t("wall.twin")}</caption><thead><tr>${words.map((word) => html`<th scope="col">${word}</th>`)}</tr></thead>
      <tbody>${fleet.map(row)}</tbody>`,
  );
}

/** @param {Counted} entry */
function row(entry) {
  const { sentence, reason } = setSays(entry),
    { counts } = entry.sum;
  const ofFill = (/** @type {string} */ fill) =>
    Object.entries(counts).reduce(
      (sum, [code, n]) => sum + (STATES[code].fill === fill ? n : 0),
      0,
    );
  const bad = entry.board.instances.filter(({ state }) => BAD.has(STATES[state].fill));
  return html`<tr><th scope="row">${entry.board.scale_set.name}</th><td>${sentence}</td>
    ${COUNTED.map(({ fill }) => html`<td>${number(ofFill(fill))}</td>`)}
    <td>${reason}</td><td>${bad.length ? names(bad, MAX_NAMES) : ""}</td></tr>`;
}

/**
 * One sentence at most every ten seconds.
 * @param {string} sentence
 */
export function speak(sentence) {
  const now = performance.now();
  if (now - said < EVERY_MS || $("#says").textContent === sentence) return;
  said = now;
  write($("#says"), sentence);
}
