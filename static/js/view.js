// What a viewer chose to see of a board: filter and grouping. Pure.

import { countIn } from "./batches.js";
import { faceOf } from "./faces.js";
import { byName, number } from "./format.js";

const NUMBERED = /^(batch|zone) \S+$/;

/** A filter is a plain object, the same in the URL, the grid and the table. */
export function matches(instance, filter, by) {
  if (filter.ids && !filter.ids.has(instance.id)) return false;
  if (filter.states?.length && !filter.states.some((code) => isIn(instance, code, by)))
    return false;
  const text = filter.text?.trim().toLowerCase();
  return (
    !text ||
    wordsOf(instance).some(
      NUMBERED.test(text) ? (word) => word === text : (word) => word.includes(text),
    )
  );
}

/** Opted out are all that are, whatever else they are: as many as the figures say. */
export const isIn = (instance, code, by) =>
  faceOf(instance, by).code === code ||
  (by !== "health" && code === "opted-out" && Boolean(instance.opt_out));

/** Batch 1 is not batch 12: they are compared whole. */
function wordsOf({ name, zone, version, ...instance }) {
  const batch = instance.batch ?? instance.planned;
  return [name, zone && `zone ${zone}`, batch && `batch ${batch}`, version]
    .filter(Boolean)
    .map((word) => word.toLowerCase());
}

export const GROUPS = {
  batch: {
    word: "Batch",
    key: (one) => one.batch ?? one.planned ?? 0,
    label: (key) => (key ? `Batch ${key}` : "Not in a batch"),
  },
  zone: {
    word: "Zone",
    key: (one) => one.zone || 0,
    label: (key) => (key ? `Zone ${key}` : "No zone"),
  },
  version: { word: "Version", key: (one) => one.version || 0, label: (key) => key || "No version" },
};

/** [[key, [place, ...]], ...] in rising order, those without last; within a group by instance id. */
export function grouped(instances, by) {
  const groups = new Map();
  instances.forEach((instance, place) => {
    const key = GROUPS[by].key(instance);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(place);
  });
  return [...groups].sort(
    ([a], [b]) => Number(a === 0) - Number(b === 0) || byName(String(a), String(b)),
  );
}

/** What the heading of a group says: how many are done, of how many. `batch`: where it is one, of `batchesOf`. */
export function tally(mine, batch) {
  if (batch) return `${number(countIn(batch, "succeeded"))} / ${number(batch.size)}`;
  const eligible = mine.filter((one) => one.isEligible);
  return eligible.length
    ? `${number(eligible.filter((one) => one.isUpToDate).length)} / ${number(eligible.length)}`
    : "";
}
