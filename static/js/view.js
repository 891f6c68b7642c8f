// What a viewer chose to see of a board: filter, grouping, planned batches. Pure.

import { awaitedOf, isApproved } from "./approval.js";
import { hasAll } from "./extensions.js";
import { counted, faceOf, isSick, runs } from "./state.js";
import { isExtra } from "./surges.js";

const NUMBERED = /^(batch|zone) \S+$/;

/** A filter is a plain object, the same in the URL, the grid and the table. */
export function matches(instance, filter, by) {
  if (filter.ids && !filter.ids.has(instance.id)) return false;
  if (filter.states?.length && !filter.states.includes(faceOf(instance, by).code)) return false;
  const text = filter.text?.trim().toLowerCase();
  if (!text) return true;
  const batch = instance.batch ?? instance.planned;
  const words = [instance.name, instance.zone && `zone ${instance.zone}`, batch && `batch ${batch}`, instance.version];
  const fits = NUMBERED.test(text) ? (word) => word === text : (word) => word.includes(text); // batch 1 is not batch 12
  return words.some((value) => value && fits(value.toLowerCase()));
}

/**
 * The batches of the latest upgrade: those that were (or are), and of a running one those to come: zone by zone the next instances
 * by ascending id, as the engine takes them when all goes well; those that nobody approved yet come last, and nobody knows when.
 * [{number, ids, began, ended, planned, why}]; began, ended and `now` in ms.
 */
export function batchesOf(board, now) {
  if (!board.upgrade) return [];
  const list = board.upgrade.batches.map((one) => ({
    number: one.number, ids: [], began: Date.parse(one.started_at), ended: one.finished_at ? Date.parse(one.finished_at) : null, planned: false, why: one.why,
  }));
  board.instances.forEach((one, place) => { if (one.batch !== null && !isExtra(one)) list[one.batch - 1]?.ids.push(place); });
  return board.upgrade.status === "RollingForward" && !board.upgrade.cancel_requested_by ? [...list, ...plannedAfter(list, board, now)] : list;
}

function plannedAfter(list, board, now) {
  const size = Math.max(1, Math.floor((counted(board.instances).length * board.upgrade.policy.max_batch_percent) / 100));
  const took = board.upgrade.paused_by ? 0 : typicalLength(list);
  const pause = 1000 * (board.upgrade.policy.pause_seconds ?? 0);
  const planned = [];
  for (const { ids, waits } of [...sliced(board, size, false), ...sliced(board, size, true)]) {
    const before = planned.at(-1) ?? list.at(-1);
    const began = before && took && !waits ? Math.max((before.ended ?? before.began + took) + pause, now) : null;
    planned.push({ number: list.length + planned.length + 1, ids, began, ended: began && began + took, planned: true, why: "" });
  }
  return planned;
}

/** The next batches, of those that wait for approval or of the others. */
const sliced = (board, size, waits) => queue(board, waits).flatMap((zone) => slices(zone, size)).map((ids) => ({ ids, waits }));

/** The places of those to come, zone by zone: the unhealthy first where the policy says so, those that failed on this version last, then zone after zone, each with ascending ids. */
function queue(board, waits) {
  const { instances, upgrade: { policy, ...upgrade } } = board, version = awaitedOf(board);
  const places = [...instances.keys()].filter((place) => isToCome(instances[place], upgrade) && isApproved(instances[place], version) !== waits);
  const sickFirst = policy.unhealthy_first ? [true, false] : [null];
  const failed = (place) => !upgrade.only_failed && Boolean(upgrade.target.version) && instances[place].failed_version === upgrade.target.version;
  const some = sickFirst.map((sick) => (sick === null ? places : places.filter((place) => isSick(instances[place]) === sick)));
  return some.flatMap((list) => [false, true].flatMap((last) => zoned(list.filter((place) => failed(place) === last), instances, policy)));
}

function zoned(places, instances, policy) {
  if (policy.cross_zone) return [places];
  const zones = [...new Set(places.map((place) => instances[place].zone))].sort();
  return zones.map((zone) => places.filter((place) => instances[place].zone === zone));
}

/** As `core.batches.remaining` and `candidates` say. */
function isToCome(one, { kind, extensions, target: { version }, only_failed: onlyFailed, takes_failed: takesFailed, started_by: by }) {
  if (one.batch !== null || one.opt_out || one.operation || one.power === "stopped" || one.missing_since) return false;
  if (by === "Platform" && one.quarantined_at) return false;
  if (kind === "extensions") return Boolean(one.version) && !hasAll(one, extensions);
  if (onlyFailed) return one.failed_version === version;
  return Boolean(one.version) && one.version !== version && (takesFailed || one.failed_version !== version);
}

const slices = (list, size) => Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));

/** How long a batch of this upgrade took, in ms; 0 while none has ended. */
function typicalLength(list) {
  const took = list.filter((one) => one.ended).map((one) => one.ended - one.began).sort((a, b) => a - b);
  return took.length ? took[Math.floor(took.length / 2)] : 0;
}

const LATE = 1.5; // times as long as the others: it waits for somebody, and nobody knows for how long

/** When a running upgrade ends, if all goes on as it did: {low, high, late} with times in ms; null while nobody can say. */
export function endOf(board, batches, now) {
  const took = typicalLength(batches.filter((one) => !one.planned));
  if (!took || board.upgrade.paused_by) return null;
  const current = batches.findLast((one) => !one.planned), last = batches.at(-1);
  if (last.planned && !last.ended) return null;
  const low = last.planned ? last.ended : Math.max(current.ended ?? current.began + took, now);
  const high = low + (low - Date.parse(board.upgrade.started_at)) * 0.25;
  return { low, high, late: !current.ended && now > current.began + LATE * took };
}

/** Marks each instance with its planned batch, for grouping. */
export function withPlan(instances, batches) {
  const planned = new Map();
  for (const batch of batches) if (batch.planned) for (const place of batch.ids) planned.set(place, batch.number);
  return instances.map((one, place) => (planned.has(place) ? { ...one, planned: planned.get(place) } : one));
}

export const GROUPS = {
  batch: { word: "Batch", key: (one) => one.batch ?? one.planned ?? 0, label: (key) => (key ? `Batch ${key}` : "No batch") },
  zone: { word: "Zone", key: (one) => one.zone || 0, label: (key) => (key ? `Zone ${key}` : "No zone") },
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
  const order = new Intl.Collator("en", { numeric: true });
  return [...groups].sort(([a], [b]) => (a === 0) - (b === 0) || order.compare(String(a), String(b)));
}
