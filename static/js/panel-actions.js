// What can be done to the instance in the panel: its buttons. Markup.

import { awaitedOf, isApprovedAhead } from "./approval.js";
import { t } from "./catalogue.js";
import { glyph, html } from "./dom.js";
import { may, off, whyNot } from "./rights.js";
import "./texts-panel.js";

/**
 * @import { Board, Instance } from "./board.js"
 * @import { Markup } from "./markup.js"
 *
 * A button: the act that it names, for steering its key, the instance, and what stands on it. `version`: the one on the screen, which is
 * meant.
 * @typedef {{ act: string, key: string, id: string, label: Markup, version?: string }} Button
 */

/**
 * @param {Instance} instance
 * @param {Board} board
 */
export const actionsOf = (instance, board) =>
  html`<div class="actions">${approval(instance, board)}${optButton(instance)}${release(instance)}</div>`;

/** @param {Button} button */
const button = ({ act, key, id, label, version = "" }) =>
  html`<button type="button" class="button" data-act="${act}"
  data-key="${key}" data-ids="${id}" data-version="${version}">${label}</button>`;

/**
 * Opts it out or in; each is another button, which takes no click for a moment.
 * @param {Instance} instance
 */
function optButton({ id, opt_out: optOut }) {
  const { right, act, key, label } = optAction(optOut);
  if (!may(right)) return off(label, whyNot(right), `no-${right.replace("_", "-")}`);
  return button({ act, key: key || id, id, label });
}

/**
 * The right that opting it out or in takes, and what its button does.
 * @param {Instance["opt_out"]} optOut
 */
function optAction(optOut) {
  if (!optOut) {
    const label = html`${glyph("opted-out")}${t("selection.opt_out")}`;
    return { right: "opt_out", act: "opt-out-one", key: "", label };
  }
  return optOut.ending_by
    ? {
        right: "opt_in",
        act: "do",
        key: "undo_opt_in",
        label: html`${glyph("opted-out")}${t("act.undo_opt_in")}`,
      }
    : {
        right: "opt_in",
        act: "do",
        key: "opt_in",
        label: html`${glyph("done")}${t("act.opt_in")}`,
      };
}

/** @param {Instance} instance */
const release = ({ id, quarantined_at }) =>
  quarantined_at ? steering("release", html`${glyph("done")}${t("act.release")}`, id) : "";

/**
 * @param {Instance} instance
 * @param {Board} board
 */
function approval(instance, board) {
  const { id } = instance;
  if (instance.approval === "waiting")
    return steering("approve", html`${glyph("play")}${t("act.approve")}`, id, awaitedOf(board));
  return isApprovedAhead(instance)
    ? steering("withdraw_approval", html`${glyph("close")}${t("act.withdraw_approval")}`, id)
    : "";
}

/**
 * @param {string} key
 * @param {Markup} label
 * @param {string} id
 */
function steering(key, label, id, version = "") {
  return may("steer")
    ? button({ act: "do", key, id, label, version })
    : off(label, whyNot("steer"), `no-${key}`);
}
