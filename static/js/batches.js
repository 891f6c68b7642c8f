// The batches of the latest upgrade, as they are painted: of one that runs those of the board, of one that is over those of its record,
// for ever the same. Pure.

import { sizeOf } from "./ranges.js";

/** What the feed tells of them: those that `began`, and those that are planned behind them. */
export function shownBatches(upgrade, figures) {
  if (!upgrade) return { began: [], planned: [] };
  if (upgrade.ended_at) return { began: upgrade.record?.batches ?? [], planned: [] };
  return { began: figures.batches, planned: figures.planned };
}

/** [{number, instances, size, members: {state: how many}, began, ended, planned, waits, why}]; times in ms, null where nobody knows. */
export function batchesOf({ upgrade, figures }) {
  const { began, planned } = shownBatches(upgrade, figures);
  return [...began.map(ran), ...planned.map(toCome)];
}

const at = (time) => (time ? Date.parse(time) : null);

const ran = ({ number, instances, size, members, started_at: from, finished_at: to, why }) => ({
  number,
  instances,
  size,
  why,
  planned: false,
  waits: false,
  began: at(from),
  ended: at(to),
  members: Object.fromEntries(
    Object.entries(members).map(([state, ranges]) => [state, sizeOf(ranges)]),
  ),
});

const toCome = ({
  number,
  instances,
  size,
  starts_at: from,
  ends_at: to,
  waits_for_approval: waits,
  why,
}) => ({
  number,
  instances,
  size,
  why,
  planned: true,
  waits,
  began: at(from),
  ended: at(to),
  members: {},
});

/** How many of a batch are in one of these states of its members. */
export const countIn = ({ members }, ...states) =>
  states.reduce((sum, state) => sum + (members[state] ?? 0), 0);

/** Put back on their old OS disk or not: they failed. */
export const hasFailed = (batch) => countIn(batch, "failed", "rolling_back", "rolled_back");
