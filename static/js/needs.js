// What needs a person: narrower than "not green". Planned waits, opt-outs and what somebody switched off are quiet. Pure.

import { hasAll, isOfExtensions } from "./extensions.js";
import { many, momentAt, names, number, percentText } from "./format.js";
import { keyOf, reasonsIn, told } from "./reasons.js";
import { runs, safety } from "./state.js";
import { whyStopped } from "./why.js";

const PATIENCE = 15000; // ms: health that is late for a moment is no news
const ORDER = ["failed", "rolled-back", "quarantined", "unhealthy", "unknown", "held", "pending"];

/**
 * [{code, fill, glyph, text, since, acts: [{word, states} or {word, reason}]}] of one board, the worst first.
 * `now` in ms; `sickSince`: since when some instance has been unhealthy, in ms.
 */
export function needsOf(board, sum, now, sickSince = null) {
  if (board.scale_set.deleting) return [];
  const stop = stopped(board, sum);
  const list = [stop ?? overLimit(board, sickSince), stop ? null : failed(board, sum), ...asked(board, now)].filter(Boolean);
  return list.sort((a, b) => ORDER.indexOf(a.glyph) - ORDER.indexOf(b.glyph));
}

const BAD = ["unhealthy", "unknown", "failed", "rolled-back", "quarantined"];
const present = ({ counts }, states) => states.filter((state) => counts[state]);
const see = (count, states) => (count ? [{ word: count === 1 ? "See it" : `See the ${number(count)}`, states }] : []);

/** An upgrade that stopped by itself and left something behind. What is unhealthy now belongs to the same story. */
function stopped(board, sum) {
  const { upgrade } = board;
  if (!upgrade || upgrade.status !== "Faulted" || !isLeft(board, sum)) return null;
  const bad = BAD.reduce((all, state) => all + (sum.counts[state] ?? 0), 0);
  return { code: "Stopped", fill: "failure", glyph: "failed", text: `${whyStopped(upgrade)}${again(board)}${unhealthyNow(board)}`, since: upgrade.ended_at, acts: see(bad, present(sum, BAD)) };
}

/** Did it leave anything that is still not as it should be? */
function isLeft({ upgrade, scale_set: set, instances }, sum) {
  if (isOfExtensions(upgrade)) return instances.some((one) => !one.opt_out && !hasAll(one, set.extensions));
  return sum.current !== sum.eligible;
}

/** When it is tried again, where that is known. */
function again(board) {
  const wait = reasonsIn(board).find((one) => one.code === "WaitingToTryAgain");
  return wait ? ` It is tried again at ${momentAt(wait.until)}.` : "";
}

function unhealthyNow(board) {
  const { count, of, percent } = safety(board).all;
  return count ? ` Now ${percentText(percent)} are unhealthy (${number(count)} of ${number(of)}).` : "";
}

function failed(board, sum) {
  const states = ["failed", "rolled-back"].filter((state) => sum.counts[state]);
  const list = states.length ? board.instances.filter((one) => states.includes(one.state) && !one.missing_since) : [];
  if (!list.length) return null;
  const [{ failed_version: version }] = list;
  const text = version ? `${many(list.length, "instance")} did not get well on ${version}: ${names(list)}.` : `${many(list.length, "instance")} could not be made or changed: ${names(list)}.`;
  const ends = list.map((one) => one.member?.ended_at).filter(Boolean).sort();
  return { code: "Failed", fill: "failure", glyph: "failed", text, since: ends[0] ?? null, acts: see(list.length, states) };
}

function overLimit(board, since) {
  const { count, of, limit, percent, room, over } = safety(board).all;
  if (!over) return null;
  const held = reasonsIn(board).find((one) => one.code === "TooManyUnhealthy");
  const holds = runs(board) ? "the upgrade stops before its next batch unless" : "no upgrade starts until";
  const text = `${percentText(percent)} unhealthy (${number(count)} of ${number(of)}), limit ${percentText(limit)}: ${holds} ${number(-room)} more ${room === -1 ? "recovers" : "recover"}.`;
  return { code: "OverTheLimit", fill: "attention", glyph: "unhealthy", text: held?.text ?? text, since, acts: held ? way(held) : see(count, BAD) };
}

/** The reasons that nothing but a person ends. Pauses, opt-outs, what is switched off and a stop of the fleet are meant so. */
const ASK = new Set([
  "NoImagePublished", "MachinesNotMade", "OptOutsKeepTheGateShut", "HealthIsStale", "Quarantined", "WaitsForApproval", "VersionWithdrawn", "PinnedVersionWithdrawn",
]);

function asked(board, now) {
  const list = reasonsIn(board).filter(({ code, since }) => ASK.has(code) && (code !== "HealthIsStale" || now - Date.parse(since) >= PATIENCE));
  return list.map((reason) => ({ ...told(reason, board), acts: way(reason) }));
}

function way(reason) {
  const count = reason.instances?.length ?? 0;
  return count ? [{ word: count === 1 ? "See it" : `See the ${number(count)}`, states: [], reason: keyOf(reason) }] : [];
}
