// What a viewer chose to see of a board: filter and grouping. Pure.

import { countIn } from "./batches.js";
import { t } from "./catalogue.js";
import { faceOf } from "./faces.js";
import { byName, number } from "./format.js";

/**
 * @import { Batch } from "./batches.js"
 * @import { Instance } from "./board.js"
 *
 * What is shown: a plain object, the same in the address, the grid and the table. `states` are those of the view's `by`; `reason` the
 * key of one, whose instances come and go; `only` are ids in few words; `ids` those that it or the reason holds now.
 * @typedef {{ states: string[], text: string, reason: string, only: string, ids: Set<string> | null }} Filter
 *
 * @typedef {"batch" | "zone" | "version"} Grouping
 *
 * What the viewer of a scale set chose. `open`: the id of the instance in the panel; `table`: the table instead of the grid.
 * @typedef {object} View
 * @property {Grouping} group
 * @property {"state" | "health"} by how cells are coloured
 * @property {Filter} filter
 * @property {{ column: string, falling: boolean }} sort
 * @property {Set<string>} selected ids
 * @property {boolean} table
 * @property {string | null} open
 */

/** What stands before a number: "batch ", "zone ". */
const NUMBERED = [t("search.batch"), t("search.zone")].map((word) => word.toLowerCase());

/**
 * Does the filter show this instance?
 * @param {Instance} instance
 * @param {Partial<Filter>} filter
 * @param {View["by"]} by
 */
export function matches(instance, { ids, states = [], text = "" }, by) {
  if (ids && !ids.has(instance.id)) return false;
  if (states.length && !states.some((code) => isIn(instance, code, by))) return false;
  const wanted = text.trim().toLowerCase();
  if (!wanted) return true;
  const isNumbered = NUMBERED.some((word) => wanted.startsWith(word) && wanted !== word);
  const fits = isNumbered
    ? (/** @type {string} */ word) => word === wanted
    : (/** @type {string} */ word) => word.includes(wanted);
  return wordsOf(instance).some(fits);
}

/**
 * Opted out are all that are, whatever else they are: as many as the figures say.
 * @param {Instance} instance
 * @param {string} code
 * @param {View["by"]} by
 */
export const isIn = (instance, code, by) =>
  faceOf(instance, by).code === code ||
  (by !== "health" && code === "opted-out" && Boolean(instance.opt_out));

/**
 * Batch 1 is not batch 12: they are compared whole.
 * @param {Instance} instance
 */
function wordsOf({ name, zone, version, batch, planned }) {
  const number = batch ?? planned;
  const words = [
    name,
    zone && t("search.zone", { zone }),
    number ? t("search.batch", { number }) : "",
    version,
  ];
  return words.filter(Boolean).map((word) => word.toLowerCase());
}

/**
 * `key` of the group that an instance is in: 0 where it is in none.
 * @typedef {{ key: (instance: Instance) => string | number, label: (key: string | number) => string }} Group
 * @type {Record<Grouping, Group>}
 */
export const GROUPS = {
  batch: {
    key: ({ batch, planned }) => batch ?? planned ?? 0,
    label: (key) => (key ? t("group.batch", { number: key }) : t("group.no_batch")),
  },
  zone: {
    key: ({ zone }) => zone || 0,
    label: (key) => (key ? t("group.zone", { zone: key }) : t("group.no_zone")),
  },
  version: {
    key: ({ version }) => version || 0,
    label: (key) => (key ? String(key) : t("group.no_version")),
  },
};

/**
 * [[key, [place, ...]], ...] in rising order, those without last; within a group by instance id.
 * @param {Instance[]} instances
 * @param {Grouping} by
 * @returns {[string | number, number[]][]}
 */
export function grouped(instances, by) {
  /** @type {Map<string | number, number[]>} */
  const groups = new Map();
  instances.forEach((instance, place) => {
    const key = GROUPS[by].key(instance),
      places = groups.get(key);
    if (places) places.push(place);
    else groups.set(key, [place]);
  });
  return [...groups].sort(
    ([a], [b]) => Number(a === 0) - Number(b === 0) || byName(String(a), String(b)),
  );
}

/**
 * What the heading of a group says: how many are done, of how many. `batch`: where the group is one.
 * @param {Instance[]} mine
 * @param {Batch} [batch]
 */
export function tally(mine, batch) {
  if (batch) return `${number(countIn(batch, "succeeded"))} / ${number(batch.size)}`;
  const eligible = mine.filter(({ isEligible }) => isEligible);
  const upToDate = eligible.filter(({ isUpToDate }) => isUpToDate);
  return eligible.length ? `${number(upToDate.length)} / ${number(eligible.length)}` : "";
}
