// What the figures of a board say of each instance: looked up, never computed. Pure.

import { shownBatches } from "./batches.js";
import { idsIn, namesById } from "./ranges.js";

/** @import { Board, Instance } from "./board.js" */

/**
 * What instances say of themselves.
 * @typedef {NonNullable<Feed.Board>["says"][number]} Saying
 *
 * The figures by instance. `upgrade`: the id of the one whose batches they are.
 * @typedef {object} LookUp
 * @property {string | undefined} upgrade
 * @property {Map<string, string>} states
 * @property {Map<string, Saying>} says
 * @property {Map<string, number>} batches
 * @property {Map<string, number>} planned
 * @property {Set<string>} eligible
 * @property {Set<string>} upToDate
 * @property {Set<string>} waiting
 * @property {Map<string, string>} approvals
 */

/**
 * @param {Pick<Board, "figures" | "upgrade">} board
 * @returns {LookUp}
 */
export function lookUpOf({ figures, upgrade }) {
  const { began, planned } = shownBatches(upgrade, figures);
  const { waiting = "", approved = "" } = figures.approval ?? {};
  return {
    upgrade: upgrade?.id,
    states: namesById(Object.entries(figures.states)),
    says: namesById((figures.says ?? []).map((saying) => [saying, saying.instances])),
    batches: numbersById(began),
    planned: numbersById(planned),
    eligible: new Set(idsIn(figures.eligible)),
    upToDate: new Set(idsIn(figures.up_to_date)),
    waiting: new Set(idsIn(figures.waiting)),
    approvals: namesById([
      ["waiting", waiting],
      ["approved", approved],
    ]),
  };
}

/** @param {{ number: number, instances: string }[]} batches */
const numbersById = (batches) =>
  namesById(batches.map(({ number, instances }) => [number, instances]));

/**
 * An instance with what the figures say of it.
 * @param {Feed.Instance} instance
 * @param {LookUp} look
 * @returns {Instance}
 */
export function withFigures(instance, look) {
  const { id } = instance;
  const batch = look.batches.get(id) ?? look.batches.get(replacedBy(instance, look)) ?? null;
  return {
    ...instance,
    number: Number(id),
    batch,
    state: look.states.get(id) ?? "unseen",
    planned: batch === null ? (look.planned.get(id) ?? null) : null,
    isEligible: look.eligible.has(id),
    isUpToDate: look.upToDate.has(id),
    waits: look.waiting.has(id),
    approval: look.approvals.get(id) ?? "",
  };
}

/**
 * Where a batch makes new instances: the id of the one whose place this one takes.
 * @param {Feed.Instance} instance
 * @param {LookUp} look
 */
const replacedBy = ({ member }, { upgrade }) =>
  member && member.upgrade === upgrade ? member.instance : "";

/**
 * Do the figures say the same of both?
 * @param {Instance} before
 * @param {Instance} now
 */
export const saysTheSame = (before, now) =>
  before.state === now.state &&
  before.batch === now.batch &&
  before.planned === now.planned &&
  before.isEligible === now.isEligible &&
  before.isUpToDate === now.isUpToDate &&
  before.waits === now.waits &&
  before.approval === now.approval;
