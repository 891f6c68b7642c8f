// What the viewer of a scale set page chose, and the address that remembers it.

import { STATES } from "./state.js";

const url = new URL(location.href);

/** group: batch, zone or version; by: state or health; filter: {states, text, reason, ids}: of a reason, and the ids that it holds now; sort; table: on or off; open: an instance's id or null. */
export const view = {
  group: "batch", by: "state", sort: { column: "state", falling: false },
  filter: {
    states: url.searchParams.getAll("state").filter((code) => Object.hasOwn(STATES, code)), text: url.searchParams.get("q") ?? "",
    reason: url.searchParams.get("reason") ?? "", ids: null,
  },
  table: url.searchParams.has("table"), open: url.searchParams.get("open"),
};

export function remember(name, value) {
  if (value) url.searchParams.set(name, value);
  else url.searchParams.delete(name);
  history.replaceState(null, "", url);
}

export function rememberFilter() {
  url.searchParams.delete("state");
  if (view.by === "state") view.filter.states.forEach((state) => url.searchParams.append("state", state));
  remember("reason", view.filter.reason);
  remember("q", view.filter.text);
}
