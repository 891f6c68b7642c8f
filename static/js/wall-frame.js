// What stands around the cells of a wall: header, sentence, counts, legend. Writes only what differs.

import { $, html, mark, show, write } from "./dom.js";
import { STATES } from "./faces.js";
import { exactTimeAt, number, timeAt, zoneName } from "./format.js";
import { totalsOf } from "./summary.js";
import { COUNTED, inWords } from "./wall-say.js";

/**
 * @import { Counted } from "./fleet-counts.js"
 * @import { News } from "./wall-news.js"
 * @import { Says } from "./wall-say.js"
 *
 * @typedef {{ says: Says, news: News, shown: Counted[], end: { label: string, value: string } | null, now: number, clock: string,
 *   turn: string, problems: string[] }} Frame
 */

const SIZES = ["", "long", "longer"];

/**
 * Answers the sentence that it shows.
 * @param {Frame} frame
 */
export function paintFrame({ says, news, shown, end, now, clock, turn, problems }) {
  document.body.classList.toggle("stale", news.isStale);
  paintHeader(shown, turn, news);
  paintClock(now, clock);
  const sentence = news.sentence || says.sentence,
    reason = news.sentence ? news.more : says.reason;
  const [h1, p] = [$("h1"), $(".reason")];
  write(h1, sentence);
  const [fill, glyph] = news.sentence ? ["failure", "unknown"] : [says.fill, says.glyph];
  show(p, reason ? html`${mark(fill, glyph)}<span>${reason}</span>` : html``);
  for (const element of [h1, p]) fitText(element);
  paintCounts(shown, end);
  show($(".problems"), html`${problems.map((text) => html`<li>${text}</li>`)}`);
  return sentence;
}

/**
 * A text that is too long for its place is written smaller; nothing under it moves. Measured only where it is another text, or place.
 * @param {HTMLElement & { fitted?: string }} element
 */
function fitText(element) {
  const key = `${innerWidth} ${innerHeight} ${element.textContent}`;
  if (element.fitted === key) return;
  element.fitted = key;
  for (const size of SIZES) {
    element.dataset.size = size;
    if (element.scrollHeight <= element.clientHeight + 1) return;
  }
}

/**
 * @param {Counted[]} shown
 * @param {string} turn
 * @param {News} news
 */
function paintHeader(shown, turn, { chip, fill }) {
  const [first] = shown;
  const isOne = shown.length === 1;
  const name = isOne ? first.board.scale_set.name : ($("header").dataset.name ?? "");
  write($(".what b"), name);
  write($(".what .version"), isOne ? first.sum.target : "");
  write($(".what .turn"), turn);
  const place = $("#feed");
  place.dataset.fill = fill;
  write($("span", place), chip);
}

/**
 * @param {number} now
 * @param {string} clock
 */
function paintClock(now, clock) {
  const time = clock === "minutes" ? timeAt(now) : exactTimeAt(now);
  write($(".clock"), clock === "off" ? "" : `${time} ${zoneName(now)}`);
}

/**
 * @param {Counted[]} shown
 * @param {{ label: string, value: string } | null} end
 */
function paintCounts(shown, end) {
  const { fills, size } = totalsOf(shown.map(({ sum }) => sum));
  const counts = COUNTED.map(
    ({ fill, glyph, word }) =>
      html`<div data-count="${fill}" class="${fills[fill] ? "some" : "none"}"><dt>${mark(fill, glyph)}${word}</dt><dd>${number(fills[fill])}</dd></div>`,
  );
  const last = end
    ? html`<div class="end"><dt>${end.label}</dt><dd>${end.value}</dd></div>`
    : html`<div class="end"></div>`;
  show($(".counts"), html`${counts}${last}`);
  const words = inWords(fills, size),
    canvas = $("canvas");
  if (canvas.getAttribute("aria-label") !== words) canvas.setAttribute("aria-label", words);
  paintLegend(shown);
}

/** The states that there are. @param {Counted[]} shown */
function paintLegend(shown) {
  const there = Object.entries(STATES).filter(([code]) =>
    shown.some(({ sum }) => sum.counts[code]),
  );
  const items = there.map(
    ([code, { word, fill, glyph = code }]) => html`<span>${mark(fill, glyph)}${word}</span>`,
  );
  show($(".legend"), html`${items}`);
}

const PLACES = 3; // in a row: nine places in all, one a minute

/** Some pixels to the side each minute, so that no picture burns in. */
export function driftNow() {
  const { x, y } = driftAt(Math.floor(Date.now() / 60_000), Math.min(innerWidth, innerHeight));
  document.body.style.translate = [x, y].map((pixels) => `${pixels}px`).join(" ");
}

/**
 * Where the picture stands in this minute, in CSS pixels from the middle: never farther than the page's edge is wide.
 * @param {number} minute
 * @param {number} short the short side of the screen
 */
export function driftAt(minute, short) {
  const step = Math.max(2, Math.round(short / 360)),
    place = minute % (PLACES * PLACES);
  return { x: ((place % PLACES) - 1) * step, y: (Math.floor(place / PLACES) - 1) * step };
}
