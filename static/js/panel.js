// One instance in full: why it is as it is, what can be done, disks, extensions, health, its part in the upgrade.

import { t } from "./catalogue.js";
import { $, $$, glyph, html, show, word } from "./dom.js";
import { faceOf } from "./faces.js";
import { momentAt, zoneName } from "./format.js";
import { reason } from "./instruments.js";
import { actionsOf } from "./panel-actions.js";
import { factsOf } from "./panel-facts.js";
import { inZone } from "./sentences.js";
import { whyInstance, whyNotNow } from "./why-instance.js";
import "./texts-panel.js";

/** @import { Board, Instance } from "./board.js" */

export class Panel {
  /**
   * `address`: of the scale set's page, below which the history of its instances is.
   * @param {HTMLElement} root
   * @param {string} address
   */
  constructor(root, address) {
    this.root = root;
    this.address = address;
    this.history = "";
  }

  /**
   * Shows this instance, or nothing.
   * @param {Instance | undefined} instance
   * @param {Board} board
   * @param {number} now in ms
   */
  paint(instance, board, now) {
    this.root.hidden = !instance;
    if (!instance) return void (this.history = "");
    show(this.root, panelOf(instance, board, now));
    const wanted = eventsOf(instance);
    if (wanted !== this.history) this.load(instance.id, (this.history = wanted));
  }

  /**
   * What happened before the page was opened. What comes too late, or from the page that signs in, is left alone.
   * @param {string} id
   * @param {string} wanted
   */
  async load(id, wanted) {
    const answer = await fetch(`${this.address}instances/${id}/history/`, {
      redirect: "manual",
    }).catch(() => null);
    const text = answer?.ok
      ? await answer.text()
      : String(html`<p class="quiet">${t("panel.not_loaded")}</p>`);
    if (this.history !== wanted) return;
    const place = $("#history", this.root);
    place.innerHTML = text;
    for (const time of $$("time", place)) time.textContent = momentAt(time.dateTime);
    for (const note of $$(".note", place)) note.textContent = inZone(note.textContent ?? "");
  }
}

/**
 * What makes the history of an instance another one.
 * @param {Instance} instance
 */
function eventsOf({ id, state, health, version, opt_out, quarantined_at, approved_version }) {
  const { created_at = "", ending_by = "" } = opt_out ?? {};
  const events = [created_at, ending_by, quarantined_at, approved_version];
  return [id, state, health, version, ...events].join();
}

/**
 * @param {Instance} instance
 * @param {Board} board
 * @param {number} now in ms
 */
function panelOf(instance, board, now) {
  const why = whyNotNow(instance, board),
    says = whyInstance(instance, board);
  return html`<header><h2>${instance.name}</h2>${word(faceOf(instance))}${CLOSE}</header>
    ${why.some(({ text }) => text === says) ? "" : html`<p>${says}</p>`}
    ${actionsOf(instance, board)}
    ${whyNot(why)}${factsOf(instance, board, now)}
    <section><h3>${t("panel.history", { zone: zoneName() })}</h3>
      <div id="history" data-keep="${instance.id}"><p class="quiet">${t("panel.loading")}</p></div></section>`;
}

const CLOSE = html`<button type="button" class="button plain square push" data-act="close-panel"
  aria-label="${t("panel.close")}">${glyph("close")}</button>`;

/** @param {ReturnType<typeof whyNotNow>} why */
function whyNot(why) {
  if (!why.length) return "";
  const items = why.map((line) => reason(line));
  return html`<section><h3>${t("panel.why_not_now")}</h3><ol class="reasons">${items}</ol></section>`;
}
