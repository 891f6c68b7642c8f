// A row for a scale set that the server did not know when it made the fleet page: the same markup as its own.

import { t } from "./catalogue.js";
import { $, html } from "./dom.js";
import { may, whyNot } from "./rights.js";
import "./texts-fleet.js";

/** @import { Board } from "./board.js" */

/** Of a scale set's page, with GROUP and NAME to be filled in. */
const ADDRESS = $("main").dataset.address ?? "";

/** @param {Pick<Feed.ScaleSet, "resource_group" | "name">} set */
export function addressOf({ resource_group: group, name }) {
  return ADDRESS.replace(/GROUP|NAME/g, (word) =>
    encodeURIComponent(word === "GROUP" ? group : name),
  );
}

/**
 * As templates/parts/set_row.html.
 * @param {Board} board
 */
export function newRow({ scale_set: set, key }) {
  const row = document.createElement("tr");
  Object.assign(row.dataset, { key, url: addressOf(set) });
  row.setAttribute("role", "row");
  row.innerHTML =
    String(html`<th scope="row" role="rowheader" class="name"><a href="${addressOf(set)}"
      title="${set.name}"><b>${set.name}</b></a><span class="small quiet"
      title="${set.resource_group}">${set.resource_group}</span></th>
    <td role="cell" class="image"></td>
    <td role="cell" class="cells"><canvas role="img"></canvas><span class="quiet none" hidden></span></td>
    <td role="cell" class="n"></td><td role="cell" class="run"></td><td role="cell" class="policy"></td>
    <td role="cell" class="auto">${automatic(set, key)}</td>`);
  return row;
}

/**
 * The switch; who may not use it is told why.
 * @param {Feed.ScaleSet} set
 * @param {string} key
 */
function automatic({ name }, key) {
  const words = html`<button type="button" class="switch" role="switch" data-key="${key}" aria-label="${t("row.automatic_of", { name })}"`;
  const inside = html`<i></i><span class="narrow">${t("row.automatic")}</span><span class="word"></span></button>`;
  if (may("steer")) return html`${words} data-act="automatic">${inside}`;
  const id = `no-automatic-${key}`;
  return html`<span class="why-off">${words} aria-disabled="true" aria-describedby="${id}" data-act="tip">${inside}<span
    role="tooltip" popover="manual" id="${id}">${whyNot("steer")}</span></span>`;
}
