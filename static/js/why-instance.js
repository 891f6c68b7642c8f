// Why one instance is as it is: a sentence for what it is, and the reasons that hold it. Pure.

import { t, templateOf } from "./catalogue.js";
import { detailOf } from "./details.js";
import { format } from "./messages.js";
import { holding, sentence, storyOf } from "./reasons.js";

/**
 * @import { Board, Instance } from "./board.js"
 * @import { Params } from "./messages.js"
 */

/**
 * One sentence for one instance: what the board has it say, or what holds it.
 * @param {Instance} instance
 * @param {Board} board
 */
export function whyInstance(instance, board) {
  const saying = board.look?.says.get(instance.id);
  if (saying) return format(templateOf(saying.key, saying.template), valuesOf(instance, board));
  return heldBy(instance, board) || t("instance.unseen");
}

/**
 * What the places of such a sentence stand for (docs/feed.md, "What instances say").
 * @param {Instance} instance
 * @param {Board} board
 * @returns {Params}
 */
function valuesOf(instance, board) {
  const { id, health_detail: detail, member } = instance;
  const isNew = member?.replacement === id;
  return {
    id,
    name: instance.name,
    version: instance.version,
    failed_version: instance.failed_version,
    health: instance.health,
    health_detail: detailOf(detail).replace(/\.$/, ""),
    operation: instance.operation,
    missing_since: instance.missing_since,
    batch: instance.batch,
    planned: instance.planned,
    target: board.figures.target,
    swapped_at: member?.swapped_at,
    kind: member?.kind,
    error: member?.error_message,
    replacement: isNew ? "" : member?.replacement,
    replaces: isNew ? member.instance : "",
  };
}

/**
 * @param {Instance} instance
 * @param {Board} board
 */
function heldBy(instance, board) {
  const [first] = holding(instance, board);
  return first ? inItsWords(first) : (board.scale_set.decision.text ?? "");
}

/**
 * What is said of many at once, said of one.
 * @param {Feed.Reason} reason
 */
const inItsWords = ({ each, text }) => each?.text ?? text;

/**
 * The reasons that hold this instance, in words for it alone, and without what the panel does itself. The first of what it is says it
 * all.
 * @param {Instance} instance
 * @param {Board} board
 */
export function whyNotNow(instance, board) {
  const first = holding(instance, board).find((reason) => reason.is_own);
  return holding(instance, board).map((reason) => {
    const { acts, ...more } = storyOf(reason, board);
    const text = reason === first ? whyInstance(instance, board) : sentence(inItsWords(reason));
    return { ...more, text, acts: acts.filter(({ act, ids }) => act === "do" && !ids) };
  });
}
