// What needs attention: narrower than "not green". Planned waits, opt-outs and what somebody switched off are quiet. Pure.

import { isOfExtensions } from "./extensions.js";
import { idsIn } from "./ranges.js";
import { many, names, number, percentText } from "./format.js";
import { briefly, keyOf, reasonsIn, sentence, told } from "./reasons.js";
import { whyStopped } from "./why.js";

const ORDER = ["failed", "rolled-back", "quarantined", "unhealthy", "unknown", "held", "pending"];
const FAILED = ["failed", "rolled-back"];
const BAD = ["unhealthy", "unknown", "missing", "failed", "rolled-back", "quarantined"];

/** [{code, fill, glyph, text, since, acts: [{word, states} or {word, reason}]}] of one board, the worst first. `now` in ms. */
export function needsOf(board, sum, now) {
  if (board.scale_set.deleting) return [];
  const stop = stopped(board, sum);
  const list = [stop ?? overLimit(board), stop ? null : failed(board), ...asked(board, now)].filter(
    Boolean,
  );
  return list.sort((a, b) => ORDER.indexOf(a.glyph) - ORDER.indexOf(b.glyph));
}

const seeWord = (count) => (count === 1 ? "See it" : `See the ${number(count)}`);
const present = ({ counts }, states) => states.filter((state) => counts[state]);
const see = (count, states) => (count ? [{ word: seeWord(count), states }] : []);

/** An upgrade that stopped by itself and left something behind. What is unhealthy now belongs to the same story. */
function stopped(board, sum) {
  const { upgrade, figures } = board;
  if (!upgrade?.error || !(figures.left_behind || lacksExtensions(upgrade))) return null;
  const bad = BAD.reduce((all, state) => all + (sum.counts[state] ?? 0), 0);
  const text = `${whyStopped(upgrade)}${again(board)}${unhealthyNow(figures.unhealthy)}`;
  return {
    code: "Stopped",
    fill: "failure",
    glyph: "failed",
    text,
    since: upgrade.ended_at,
    acts: see(bad, present(sum, BAD)),
  };
}

/** Extensions come with another upgrade only: until there is one it is as the record says. */
function lacksExtensions(upgrade) {
  const { counts } = isOfExtensions(upgrade) && upgrade.record ? upgrade.record : {};
  return Boolean(counts && counts.left + counts.failed);
}

/** When it is tried again, where that is known. */
function again(board) {
  const wait = reasonsIn(board).find((one) => one.tries_again);
  return wait ? ` ${sentence(briefly(wait))}` : "";
}

const unhealthyNow = ({ count, of, percent }) =>
  count ? ` Now ${percentText(percent)} are unhealthy (${number(count)} of ${number(of)}).` : "";

function failed({ instances }) {
  const list = instances.filter(({ state }) => FAILED.includes(state));
  if (!list.length) return null;
  const [{ failed_version: version }] = list,
    states = [...new Set(list.map((one) => one.state))];
  const what = version ? `did not become healthy on ${version}` : "could not be created or changed";
  const [since = null] = list
    .map((one) => one.member?.ended_at)
    .filter(Boolean)
    .sort();
  const text = `${many(list.length, "instance")} ${what}: ${names(list)}.`;
  return {
    code: "Failed",
    fill: "failure",
    glyph: "failed",
    text,
    since,
    acts: see(list.length, states),
  };
}

function overLimit(board) {
  const { unhealthy, over_limit: over } = board.figures;
  if (!over) return null;
  const held = reasonsIn(board).find((one) => one.gauge === "unhealthy");
  const since = illSince(board),
    acts = held ? way(held) : see(unhealthy.count, BAD);
  return {
    code: "OverTheLimit",
    fill: "attention",
    glyph: "unhealthy",
    text: (held ?? over).text,
    since,
    acts,
  };
}

/** Since when the first of those that count as unhealthy has been as it is. */
function illSince({ figures, instances, places }) {
  const list = idsIn(figures.unhealthy.instances).map(
    (id) => instances[places.get(id)]?.health_began_at,
  );
  return list.filter(Boolean).sort()[0] ?? null;
}

/** The reasons that nothing but a person ends. Pauses, opt-outs, what is switched off and a stop of the fleet are meant so. */
function asked(board, now) {
  const isNews = ({ since, needs_person_after: seconds }) =>
    !seconds || now - Date.parse(since) >= seconds * 1000;
  const list = reasonsIn(board).filter(
    (one) => Number.isFinite(one.needs_person_after) && isNews(one),
  );
  return list.map((reason) => ({ ...told(reason, board), acts: way(reason) }));
}

function way(reason) {
  const count = reason.instances?.length ?? 0;
  return count ? [{ word: seeWord(count), states: [], reason: keyOf(reason) }] : [];
}
