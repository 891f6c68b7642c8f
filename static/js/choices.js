// The inputs of a scale set's page say what its viewer chose, also where the address said it: a link, the back button.

import { $ } from "./dom.js";
import { view } from "./viewer.js";

export function sync() {
  $("#find").value = view.filter.text;
  const chosen = { group: view.group, by: view.by, twin: view.table ? "table" : "grid" };
  for (const [name, value] of Object.entries(chosen)) choice(name, value).checked = true;
  $("#grid").hidden = view.table;
  $("#table").hidden = $("#csv").hidden = !view.table;
}

/**
 * @param {string} name
 * @param {string} value
 */
const choice = (name, value) =>
  /** @type {HTMLInputElement} */ ($(`input[name="${name}"][value="${value}"]`));

/**
 * The same column again: the other way round.
 * @param {string} column
 */
export function sortBy(column) {
  view.sort = { column, falling: view.sort.column === column && !view.sort.falling };
}
