// Why one instance is as it is: a sentence for what it is, and the reasons that hold it. Pure.

import { t, templateOf } from "./catalogue.js";
import { format } from "./messages.js";
import { holding, sentence, told } from "./reasons.js";

/** One sentence for one instance: what the board has it say, or what holds it. */
export function whyInstance(one, board) {
  const said = board.look?.says.get(one.id);
  if (said) return format(templateOf(said.key) ?? said.template, valuesOf(one, board));
  return heldBy(one, board) || t("instance.unseen");
}

/** What the places of such a sentence stand for (docs/feed.md, "What instances say"). */
function valuesOf(one, board) {
  const { id, health_detail: said, member } = one;
  const isNew = member?.replacement === id;
  return {
    ...one,
    health_detail: said.replace(/\.$/, ""),
    target: board.figures.target,
    swapped_at: member?.swapped_at,
    kind: member?.kind,
    error: member?.error_message,
    replacement: isNew ? "" : member?.replacement,
    replaces: isNew ? member.instance : "",
  };
}

function heldBy(one, board) {
  const [first] = holding(one, board);
  return first ? inItsWords(first) : board.scale_set.decision.text;
}

/** What is said of many at once, said of one. */
const inItsWords = ({ each, text }) => each?.text ?? text;

/** The reasons that hold this instance, in words for it alone, and without what the panel does itself. The first of what it is says it all. */
export function whyNotNow(one, board) {
  const first = holding(one, board).find((reason) => reason.is_own);
  return holding(one, board).map((reason) => {
    const { acts, ...more } = told(reason, board);
    const text = reason === first ? whyInstance(one, board) : sentence(inItsWords(reason));
    return { ...more, text, acts: acts.filter(({ act, ids }) => act === "do" && !ids) };
  });
}
