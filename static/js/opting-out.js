// The form that opts instances out: who, why, until when, and what it would do.

import { $, html, show } from "./dom.js";
import { many, number } from "./format.js";
import { whyNotNow } from "./controls.js";
import { may, whyNot } from "./shell.js";
import { refusal } from "./toast.js";

const USUAL_DAYS = 14; // never silently for ever
const MAX_DAYS = 3649;

const dayFromNow = (days) =>
  new Date(Date.now() + days * 864e5 - new Date().getTimezoneOffset() * 6e4)
    .toISOString()
    .slice(0, 10);

export class OptingOut {
  /** sent(ids): it is under way (the feed may be quicker than the answer); done(): it was accepted. */
  constructor(dialog, { sent, done }) {
    this.dialog = dialog;
    this.form = $("form", dialog);
    this.form?.addEventListener("htmx:beforeRequest", () =>
      sent(this.form.elements.ids.value.split(",")),
    );
    this.form?.addEventListener("done", done);
    this.form?.addEventListener("change", () => this.choose());
  }

  open(ids, board) {
    if (!may("opt_out")) return refusal(whyNot("opt_out"));
    const list = ids.map((id) => board.instances[board.places.get(id)]).filter(Boolean);
    if (!list.length) return;
    const { form } = this;
    form.reset();
    form.elements.ids.value = list.map((one) => one.id).join();
    Object.assign(form.elements.until_day, {
      value: dayFromNow(USUAL_DAYS),
      min: dayFromNow(0),
      max: dayFromNow(MAX_DAYS),
    });
    $(".problem", form).hidden = true;
    $("#opt-out-name").textContent =
      `Opt ${list.length === 1 ? list[0].name : `${list.length} instances`} out`;
    this.offerUpgrade(whyNotNow(board, "opt_out_of_upgrade"));
    this.choose();
    show($("#opt-out-effect"), effectOf(list, board));
    this.dialog.showModal();
  }

  /** Until the upgrade is complete: where there is one. */
  offerUpgrade(why) {
    $('[name="scope"][value="upgrade"]', this.form).disabled = Boolean(why);
    $("#why-no-upgrade").textContent = why;
  }

  /** The day belongs to its own option: where that is not chosen it neither counts nor is missed. */
  choose() {
    this.form.elements.until_day.disabled = this.form.elements.scope.value !== "until";
  }
}

/** What opting these out would do, said before it is done. */
function effectOf(list, board) {
  const { eligible, counted } = board.figures.counts;
  const left = eligible - list.filter((one) => one.isEligible).length;
  const they = list.length === 1 ? "It keeps its image" : "They keep their image";
  const warning = left ? "" : html` <b>No instance is left for an upgrade then.</b>`;
  const limits = `Limits and batch size still use all ${number(counted)}.`;
  const progress = `Excluded from progress (${many(left, "instance")} ${left === 1 ? "remains" : "remain"}).`;
  return html`${they}. ${progress} ${limits}${warning}${replacedBy(list.filter((one) => one.opt_out))}`;
}

/** Whose opt-outs this one would replace. */
function replacedBy(others) {
  if (!others.length) return "";
  const whose = [...new Set(others.map((one) => `by ${one.opt_out.owner}: ${one.opt_out.reason}`))]
    .slice(0, 3)
    .join("; ");
  return html` <b>It replaces ${many(others.length, "opt-out")}: ${whose}</b>`;
}
