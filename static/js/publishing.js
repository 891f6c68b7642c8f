// The dialogs of the images page: publish a version, withdraw one, put one back.

import { problem } from "./acts.js";
import { t, tPieces } from "./catalogue.js";
import { consider } from "./confirm.js";
import { $, $$, field, html, show, write } from "./dom.js";
import "./texts-fleet.js";

/**
 * Opens the dialog that publishes a version of this SKU.
 * @param {string | undefined} key
 */
export function openPublish(key) {
  const dialog = $("#publish"),
    form = $("form", dialog);
  form.reset();
  const option = $$("option", $("#publish select")).find(({ dataset }) => dataset.key === key);
  if (option) option.selected = true;
  showHint();
  dialog.showModal();
  field(form, "version").focus();
}

/**
 * Says first whom it would upgrade; what is wrong with it stands in the form.
 * @param {HTMLElement} form
 */
export function askPublish(form) {
  problem(form, "");
  const data = new FormData(/** @type {HTMLFormElement} */ (form));
  const query = new URLSearchParams([...data].map(([name, value]) => [name, String(value)]));
  consider(`${form.dataset.would}?${query}`, form);
}

/** The latest version of the chosen image, and a number that the next could have. */
export function showHint() {
  const key = $("#publish select").selectedOptions[0]?.dataset.key;
  const sku = $$("#skus .sku").find(({ dataset }) => dataset.sku === key);
  const { latest, next } = sku?.dataset ?? {};
  const use = html`<button type="button" class="link" data-act="use" data-key="${next}">${next}</button>`;
  const version = html`<b>${latest}</b>`;
  show(
    $("#hint"),
    latest
      ? html`${tPieces("publishing.latest", { version, next: use })}`
      : t("publishing.none_yet"),
  );
}

/**
 * Takes the suggested version.
 * @param {HTMLElement} button
 */
export function takeSuggested({ dataset }) {
  $("#version").value = dataset.key ?? "";
  $("#version").focus();
}

/**
 * A datalist completes one value: what was written before the last comma goes before each of its options.
 * @param {HTMLElement} element
 */
export function completeLocations(element) {
  const { value } = /** @type {HTMLInputElement} */ (element);
  const before = value.includes(",") ? `${value.slice(0, value.lastIndexOf(","))}, ` : "";
  for (const option of $("#known-locations").options) {
    option.dataset.name ??= option.value;
    option.value = before + option.dataset.name;
  }
}

/**
 * Asks why a version is withdrawn.
 * @param {HTMLElement} button
 */
export function openWithdraw({ dataset: { key = "", name = "" } }) {
  const dialog = $("#withdraw"),
    form = $("form", dialog);
  form.reset();
  field(form, "sku").value = name;
  field(form, "version").value = key;
  write($(".version", dialog), `${key} of ${name}`);
  dialog.showModal();
  field(form, "reason").focus();
}

/**
 * Takes a withdrawal back: what starts then cannot be undone, so it is said first.
 * @param {HTMLElement} button
 */
export function putBack(button) {
  const { key: version = "", name: sku = "" } = button.dataset;
  consider(`${$("#main").dataset.undo}would/?${new URLSearchParams({ sku, version })}`, button);
}
