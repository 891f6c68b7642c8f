// What needs attention in the fleet, one line each, and what waits as it was planned. Markup.

import { t } from "./catalogue.js";
import { html, mark } from "./dom.js";
import { addressOf } from "./new-row.js";
import { reasonsIn } from "./reasons.js";
import "./texts-fleet.js";

/**
 * @import { Board } from "./board.js"
 * @import { Need, NeedAct } from "./needs.js"
 */

/**
 * One of `needsOf`, and the scale set that it is of.
 * @param {Need & { set: Feed.ScaleSet }} need
 */
export function need({ code, fill, glyph, text, since: at, acts, set }) {
  const page = addressOf(set),
    key = `${set.resource_group}/${set.name}`;
  const when = typeof at === "string" ? Date.parse(at) : at;
  const time = when
    ? html`<time class="quiet nowrap" data-at="${when}" datetime="${new Date(when).toISOString()}"></time>`
    : html`<span></span>`;
  return html`<li>${mark(fill, glyph)}<a href="${page}" data-key="${key} ${code}"><b>${set.name}</b></a><p>${text}</p>
    ${time}<div class="actions">${acts.map((act) => link(act, page, key, set.name))}</div></li>`;
}

/**
 * @param {NeedAct} act
 * @param {string} page
 * @param {string} key
 * @param {string} name
 */
function link({ word, states, reason }, page, key, name) {
  const query = reason ? `reason=${reason}` : states.map((state) => `state=${state}`).join("&");
  return html`<a class="button" data-key="${key} ${word}" href="${page}?${query}"
    aria-label="${t("attention.act_of", { act: word, name })}">${word}</a>`;
}

/**
 * Says in few words what waits as it should; it is not listed.
 * @param {Board[]} boards
 */
export function quiet(boards) {
  const off = boards.filter((board) => !board.scale_set.automatic_upgrade).length;
  const words = [
    ...countExpected(boards),
    off && t("attention.automatic_off", { count: off }),
  ].filter(Boolean);
  return words.length ? t("attention.expected", { list: words.join(", ") }) : "";
}

/**
 * "2 planned pauses", "1 paused": how many scale sets have such a reason, in the words that come with it.
 * @param {Board[]} boards
 */
function countExpected(boards) {
  /** @type {Map<string, [number, string]>} singular -> how many, plural */
  const counts = new Map();
  for (const board of boards) {
    const found = reasonsIn(board).flatMap((reason) => reason.expected ?? []);
    const planned = new Map(found.map(({ one: singular, other: plural }) => [singular, plural]));
    for (const [singular, plural] of planned)
      counts.set(singular, [(counts.get(singular)?.[0] ?? 0) + 1, plural]);
  }
  return [...counts].map(([singular, [count, plural]]) =>
    t("attention.count", { count, singular, plural }),
  );
}
