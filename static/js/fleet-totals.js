// The headline numbers of the fleet, and what needs attention in it.

import { need, quiet } from "./attention.js";
import { t } from "./catalogue.js";
import { $, $$, html, show, write } from "./dom.js";
import { FILLS } from "./faces.js";
import { byName, number, percentText, zoneName } from "./format.js";
import { since } from "./spans.js";
import { totalsOf } from "./summary.js";
import "./texts-fleet.js";

/** @import { Counted } from "./fleet-counts.js" */

/**
 * Writes the headline numbers. Answers them in a sentence, to be said aloud.
 * @param {Counted[]} fleet
 */
export function paintTotals(fleet) {
  const total = totalsOf(fleet.map(({ sum }) => sum));
  const needs = fleet.filter((entry) => entry.needs.length).length;
  const { eligible, current } = total;
  const values = {
    all: number(total.size),
    latest: eligible ? percentText(Math.floor((100 * current) / eligible)) : "–",
    moving: number(total.moving),
    bad: number(total.sick),
    out: number(total.out),
    needs: number(needs),
  };
  for (const [name, value] of Object.entries(values))
    write($(`#figures [data-key="${name}"] .number`), value);
  paintShares(total.fills);
  return needs ? t("totals.needs", { count: needs }) : t("totals.calm");
}

/**
 * The bar of all instances.
 * @param {Record<string, number>} counts by fill
 */
function paintShares(counts) {
  show($("#all"), html`${FILLS.map((fill) => html`<i data-fill="${fill}"></i>`)}`);
  for (const part of $$("i", $("#all"))) {
    const count = counts[part.dataset.fill ?? ""];
    part.style.flexGrow = String(count);
    part.hidden = !count;
  }
}

/**
 * @param {Counted[]} fleet
 * @param {number} now in ms
 */
export function paintNeeds(fleet, now) {
  const list = fleet.flatMap(({ board, needs }) =>
    needs.map((entry) => ({ ...entry, set: board.scale_set })),
  );
  const isFailure = (/** @type {{ fill: string }} */ { fill }) => Number(fill === "failure");
  list.sort((a, b) => isFailure(b) - isFailure(a) || byName(a.set.name, b.set.name));
  const isStale = document.body.classList.contains("stale");
  const calm = isStale ? t("totals.calm_then") : t("totals.calm");
  const items = list.length ? list.map(need) : html`<li class="quiet calm">${calm}</li>`;
  show($("#needs"), html`${items}`);
  show($("#quiet"), html`${quiet(fleet.map(({ board }) => board))}`);
  for (const time of $$("#needs time")) write(time, since(Number(time.dataset.at), now));
}

/**
 * Which headline number is the filter, and how many rows it leaves.
 * @param {string} only
 * @param {number} shown
 * @param {number} all
 */
export function paintChoice(only, shown, all) {
  for (const link of $$("#figures a")) {
    if ((only || "all") === link.dataset.key) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  const values = { shown, all, zone: zoneName() };
  write($("#shown"), only ? t("totals.shown", values) : t("totals.all_shown", values));
  $("#no-match").hidden = shown > 0 || !all;
}
