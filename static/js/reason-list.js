// The reasons, ranked: what holds it now, then whatever else is not well; each with its way there and what lifts it. Markup.

import { t, tPieces } from "./catalogue.js";
import { html, mark } from "./dom.js";
import { momentAt } from "./format.js";
import { may, off, whyNot } from "./rights.js";
import { elapsed, remaining } from "./ticking.js";

/** @import { ReasonAct, Story } from "./reasons.js" */

const MAX_REASONS = 6;

/**
 * `held`: whose instances are shown alone.
 * @param {Story[]} list
 * @param {string} held
 */
export function reasons(list, held = "") {
  const count = t("reason.count", { count: list.length }),
    isCalm = ["done", "active"].includes(list[0]?.fill);
  const title = isCalm ? t("reason.now") : t("reason.why_waiting");
  return html`<header><h2>${title}</h2><span class="small quiet">${count}</span></header>
    <ol class="reasons">${list.slice(0, MAX_REASONS).map((story) => reason(story, held))}</ol>`;
}

/**
 * @param {Story} story
 * @param {string} held
 */
export function reason(story, held = "") {
  const links = story.acts.filter(({ right }) => !right),
    buttons = story.acts.filter(({ right }) => right);
  const actions = buttons.length ? html`<div class="actions">${buttons.map(button)}</div>` : "";
  return html`<li>${mark(story.fill, story.glyph)}<p>${story.text}${links.map((act) => html` ${link(act, held)}`)}${story.link ? html` <a href="${story.link.href}">${story.link.word}</a>` : ""}</p>${terms(story)}${actions}</li>`;
}

/**
 * @param {ReasonAct} act
 * @param {string} held
 */
function link({ act, key, word, toggles }, held) {
  const isHeld = held === key,
    pressed = toggles ? html` aria-pressed="${isHeld}"` : "";
  return html`<button type="button" class="link" data-act="${act}" data-key="${key}"${pressed}>${toggles && isHeld ? t("reason.show_all") : word}</button>`;
}

/** @param {ReasonAct} act */
function button({ act, key, word, right, ids, version = "" }) {
  if (right && !may(right)) return off(word, whyNot(right), `no-${key}`);
  return html`<button type="button" class="button" data-act="${act}" data-key="${key}" data-ids="${ids}"
    data-version="${version}">${word}</button>`;
}

/**
 * For how long, until when, and who can lift it.
 * @param {Story} story
 */
function terms({ since, until, who, detail }) {
  const time = since && html`${tPieces("reason.for", { time: elapsed(since) })}`;
  const end =
    until && html`${tPieces("reason.until", { at: momentOf(until), left: remaining(until) })}`;
  const code = detail && html`<span translate="no">${detail}</span>`;
  const words = [time, end, who, code].filter(Boolean);
  return words.length
    ? html`<span class="small">${words.map((each, i) => html`${i ? " · " : ""}${each}`)}</span>`
    : "";
}

/** @param {string} at */
const momentOf = (at) => html`<time datetime="${at}">${momentAt(at)}</time>`;
