// What changes in an image when instances are upgraded: a sentence, and on request each package.

import { t } from "./catalogue.js";
import { html } from "./dom.js";
import { textOf } from "./sentences.js";
import "./texts-dialogs.js";

/**
 * @import { Sentence } from "./sentences.js"
 *
 * `packages`: [name, version before, version after], "" where it is not there. `more`: how many others there are.
 * @typedef {{ says: Sentence, packages: [string, string, string][], more: number }} Changes
 */

/** @param {Changes} changes */
export function changesOf({ says, packages, more }) {
  if (!packages.length) return html`<p>${textOf(says)}</p>`;
  const rest = more ? html`<p class="quiet">${t("confirm.more", { count: more })}</p>` : "";
  return html`<details class="changes">
    <summary>${textOf(says)}</summary>
    <div class="scrolled" tabindex="0" role="group" aria-label="${t("confirm.packages")}">
      <table>
        <thead><tr>
          <th scope="col">${t("confirm.package")}</th>
          <th scope="col">${t("confirm.before")}</th>
          <th scope="col">${t("confirm.after")}</th>
        </tr></thead>
        <tbody translate="no">
          ${packages.map(([name, before, after]) => html`<tr><th scope="row">${name}</th><td>${before || "–"}</td><td>${after || "–"}</td></tr>`)}
        </tbody>
      </table>
      ${rest}
    </div>
  </details>`;
}
