// What the signed-in person may do, and controls that are off.

import { html } from "./markup.js";

/** @import { Content } from "./markup.js" */

/**
 * A control that cannot be used: stays reachable, says why.
 * @param {Content} label
 * @param {string} why
 * @param {string} id
 */
export const off = (
  label,
  why,
  id,
) => html`<span class="why-off"><button type="button" class="button"
  aria-disabled="true" aria-describedby="${id}" data-act="tip">${label}</button><span role="tooltip" popover="manual"
  id="${id}">${why}</span></span>`;

/**
 * What the signed-in person may do: body[data-may="steer opt_out"], and why not the rest: body[data-why-opt_in].
 * @param {string} right
 */
export const may = (right) => (document.body.dataset.may ?? "").split(" ").includes(right);
/** @param {string} right */
export const whyNot = (right) => document.body.getAttribute(`data-why-${right}`) ?? "";
