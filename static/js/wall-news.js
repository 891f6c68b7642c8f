// Is what a wall shows true? Only while its feed speaks, each of its boards is as new as the feed, and the engine works. Pure.

import { t } from "./catalogue.js";
import { exactTimeAt, zoneName } from "./format.js";
import "./texts-wall.js";

/**
 * @import { Kind, Details } from "./link.js"
 *
 * `late`: since when a board is known to be behind, in ms, and whose; `engine`: since when the engine is away; `fault`: since when this page is
 * broken. All 0 where all is well.
 * @typedef {{ kind: Kind, details: Details, late: number, lateKey: string, engine: number, fault: number }} ConnectionState
 *
 * `isStale`: hatched; `sentence` in place of the board's own; `chip` in the corner, with its fill.
 * @typedef {{ isStale: boolean, sentence: string, more: string, chip: string, fill: string }} News
 */

const LATE_MS = 8000;

/**
 * @param {ConnectionState} connection
 * @param {number} now
 * @returns {News}
 */
export function newsOf(connection, now) {
  const dead = deadSince(connection, now);
  if (dead) {
    const at = { time: exactTimeAt(dead.since), zone: zoneName(dead.since) };
    return {
      isStale: true,
      sentence: t(dead.sentence, at),
      more: t(dead.more, { set: connection.lateKey }),
      chip: t("connection.stale", at),
      fill: "failure",
    };
  }
  const { kind, details } = connection;
  if (kind === "live") return fresh(t("wall.live"), "done");
  if (kind === "polling") return fresh(t("connection.polling"), "attention");
  return fresh(t(details.since ? "connection.reconnecting" : `connection.${kind}`), "attention");
}

/**
 * @param {string} chip
 * @param {string} fill
 * @returns {News}
 */
const fresh = (chip, fill) => ({ isStale: false, sentence: "", more: "", chip, fill });

/**
 * @param {ConnectionState} connection
 * @param {number} now
 */
function deadSince({ kind, details, late, engine, fault }, now) {
  if (fault) return { since: fault, sentence: "wall.fault", more: "wall.fault_more" };
  if (kind === "signed-out")
    return { since: details.since || now, sentence: "wall.refused", more: "wall.refused_more" };
  if (kind === "stale")
    return { since: details.since || now, sentence: "wall.stale", more: "wall.stale_more" };
  if (late && now - late > LATE_MS)
    return { since: late, sentence: "wall.stale", more: "wall.late_more" };
  if (engine) return { since: engine, sentence: "wall.engine", more: "wall.engine_more" };
  return null;
}
