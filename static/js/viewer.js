// What the viewer of a scale set page chose, and the address that remembers it: a reload, a link and the back button show the same.

import { idsIn, rangesOf } from "./ranges.js";
import { HEALTH, STATES } from "./state.js";

const GROUPS = ["batch", "zone", "version"],
  COLOURS = ["state", "health"];
const oneOf = (list, value) => (list.includes(value) ? value : list[0]);

/**
 * group: batch, zone or version; by: state or health; filter: {states, text, reason, only, ids}: states are those of `by`; `only` are ids in
 * words, `ids` those that it or the reason holds now; selected: ids; sort; table: on or off; open: an instance's id or null.
 */
export const view = { sort: { column: "state", falling: false }, selected: new Set() };

/** As the address says. */
export function recall(address = location.href) {
  const asked = new URL(address).searchParams,
    by = oneOf(COLOURS, asked.get("by"));
  const only = asked.get("only") ?? "",
    known = by === "health" ? HEALTH : STATES;
  const states = asked.getAll(by).filter((code) => Object.hasOwn(known, code));
  Object.assign(view, {
    group: oneOf(GROUPS, asked.get("group")),
    by,
    table: asked.has("table"),
    open: asked.get("open"),
  });
  view.filter = {
    states,
    text: asked.get("q") ?? "",
    reason: asked.get("reason") ?? "",
    only,
    ids: only ? new Set(idsIn(only)) : null,
  };
  view.selected.clear();
  for (const id of idsIn(asked.get("selected") ?? "")) view.selected.add(id);
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
  const said = {
    group: group === GROUPS[0] ? "" : group,
    by: by === COLOURS[0] ? "" : by,
    q: filter.text,
    reason: filter.reason,
    only: filter.only,
    selected: rangesOf(selected),
    table: table ? "1" : "",
    open,
  };
  for (const [name, value] of Object.entries(said)) if (value) url.searchParams.set(name, value);
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
