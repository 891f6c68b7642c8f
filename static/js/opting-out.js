// The form that opts instances out: who, why, until when, and what it would do.

import { instancesOf } from "./board.js";
import { t } from "./catalogue.js";
import { $, field, html, show } from "./dom.js";
import { whyNotNow } from "./controls.js";
import { versionOf } from "./extensions.js";
import { may, whyNot } from "./rights.js";
import { refusal } from "./toast.js";
import "./texts-dialogs.js";

/** @import { Board, Instance } from "./board.js" */

const USUAL_DAYS = 14; // never silently for ever
const MAX_DAYS = 3649;
const MAX_NAMED = 6; // reasons of other opt-outs

/** @param {number} days */
const dayFromNow = (days) =>
  new Date(Date.now() + days * 864e5 - new Date().getTimezoneOffset() * 6e4)
    .toISOString()
    .slice(0, 10);

export class OptingOut {
  /**
   * sent(ids): it is under way (the feed may be quicker than the answer); done(): it was accepted.
   * @param {HTMLDialogElement} dialog
   * @param {{ sent: (ids: string[]) => void, done: () => void }} does
   */
  constructor(dialog, { sent, done }) {
    this.dialog = dialog;
    this.form = $("form", dialog);
    this.form.addEventListener("htmx:beforeRequest", () =>
      sent(field(this.form, "ids").value.split(",")),
    );
    this.form.addEventListener("done", done);
    this.form.addEventListener("change", () => this.choose());
  }

  /**
   * @param {string[]} ids
   * @param {Board} board
   */
  open(ids, board) {
    if (!may("opt_out")) return refusal(whyNot("opt_out"));
    const list = instancesOf(board, ids);
    if (!list.length) return;
    const { form } = this;
    form.reset();
    field(form, "ids").value = list.map(({ id }) => id).join();
    Object.assign(field(form, "until_day"), {
      value: dayFromNow(USUAL_DAYS),
      min: dayFromNow(0),
      max: dayFromNow(MAX_DAYS),
    });
    $(".problem", form).hidden = true;
    $("#opt-out-name").textContent =
      list.length === 1
        ? t("opting_out.title", { name: list[0].name })
        : t("opting_out.title_many", { count: list.length });
    this.offerUpgrade(whyNotNow(board, "opt_out_of_upgrade"), board);
    this.choose();
    show($("#opt-out-effect"), effectOf(list, board));
    this.dialog.showModal();
  }

  /**
   * Until the upgrade is complete: where there is one, named by its version.
   * @param {string} why
   * @param {Board} board
   */
  offerUpgrade(why, { upgrade }) {
    const version = !why && upgrade ? versionOf(upgrade) : "";
    $("#until-upgrade").textContent = t("opting_out.until_upgrade", { version: version || null });
    const choice = $('[name="scope"][value="upgrade"]', this.form);
    choice.toggleAttribute("disabled", Boolean(why));
    $("#why-no-upgrade").textContent = why;
  }

  /** The day belongs to its own option: where that is not chosen it neither counts nor is missed. */
  choose() {
    field(this.form, "until_day").disabled = field(this.form, "scope").value !== "until";
  }
}

/**
 * What opting these out would do, said before it is done.
 * @param {Instance[]} list
 * @param {Board} board
 */
function effectOf(list, board) {
  const { eligible, counted } = board.figures.counts;
  const left = eligible - list.filter(({ isEligible }) => isEligible).length;
  const keeps = t("opting_out.keeps", { count: list.length });
  const warning = left ? "" : html`<p><b>${t("opting_out.none_left")}</b></p>`;
  const limits = t("opting_out.limits", { count: counted });
  const progress = t("opting_out.progress", { count: left });
  return html`<p class="quiet">${keeps} ${progress} ${limits}</p>${warning}${replacedBy(list)}`;
}

/**
 * Whose opt-outs this one would replace.
 * @param {Instance[]} list
 */
function replacedBy(list) {
  const others = list.map(({ opt_out: optOut }) => optOut).filter((optOut) => optOut !== null);
  if (!others.length) return "";
  const all = others.map(({ owner, reason }) => t("opting_out.whose", { owner, reason }));
  const whose = [...new Set(all)],
    more = whose.length - MAX_NAMED;
  return html`<p><b>${t("opting_out.replaces", { count: others.length })}</b></p>
    <ul>${whose.slice(0, MAX_NAMED).map((each) => html`<li>${each}</li>`)}</ul>
    ${more > 0 ? html`<p class="quiet">${t("confirm.more", { count: more })}</p>` : ""}`;
}
