// What the viewer of a scale set page chose, and the address that remembers it: a reload, a link and the back button show the same.

import { HEALTH, STATES } from "./faces.js";
import { idsIn, rangesOf } from "./ranges.js";

/**
 * @import { Filter, Grouping, View } from "./view.js"
 */

/** @type {Grouping[]} */
const GROUPINGS = ["batch", "zone", "version"];
/** @type {View["by"][]} */
const COLOURS = ["state", "health"];

/**
 * The word of the list that the address has; the usual one, which is the first, where it has none of them.
 * @template {string} Word
 * @param {Word[]} list
 * @param {string | null} value
 */
const choiceIn = (list, value) => list.find((word) => word === value) ?? list[0];

/** @type {Filter} */
const ALL = { states: [], text: "", reason: "", only: "", ids: null };

/** @type {View} */
export const view = {
  group: "batch",
  by: "state",
  filter: ALL,
  sort: { column: "state", falling: false },
  selected: new Set(),
  table: false,
  open: null,
};

/** Makes the view what the address says. */
export function recall(address = location.href) {
  const asked = new URL(address).searchParams;
  view.group = choiceIn(GROUPINGS, asked.get("group"));
  view.by = choiceIn(COLOURS, asked.get("by"));
  view.table = asked.has("table");
  view.open = asked.get("open");
  view.filter = filterIn(asked, view.by);
  view.selected.clear();
  for (const id of idsIn(asked.get("selected") ?? "")) view.selected.add(id);
}

/**
 * @param {URLSearchParams} asked
 * @param {View["by"]} by
 * @returns {Filter}
 */
function filterIn(asked, by) {
  const only = asked.get("only") ?? "",
    known = by === "health" ? HEALTH : STATES;
  return {
    states: asked.getAll(by).filter((code) => Object.hasOwn(known, code)),
    text: asked.get("q") ?? "",
    reason: asked.get("reason") ?? "",
    only,
    ids: only ? new Set(idsIn(only)) : null,
  };
}

recall();

const NAMES = [
  "group",
  "by",
  "state",
  "health",
  "q",
  "reason",
  "only",
  "selected",
  "table",
  "open",
];

/** The address of what the viewer sees; what is usual is left out. */
export function addressOf(now = location.href) {
  const url = new URL(now),
    { group, by, filter, selected, table, open } = view;
  NAMES.forEach((name) => url.searchParams.delete(name));
  const values = {
    group: group === GROUPINGS[0] ? "" : group,
    by: by === COLOURS[0] ? "" : by,
    q: filter.text,
    reason: filter.reason,
    only: filter.only,
    selected: rangesOf(selected),
    table: table ? "1" : "",
    open,
  };
  for (const [name, value] of Object.entries(values)) if (value) url.searchParams.set(name, value);
  filter.states.forEach((code) => url.searchParams.append(by, code));
  return url;
}

/** `step`: something that the back button is to take back; what is typed or selected is no step of its own. */
export function remember({ step = true } = {}) {
  const address = addressOf();
  if (address.href === location.href) return;
  if (step) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}
