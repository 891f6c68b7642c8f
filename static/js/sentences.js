// The sentences of the feed (docs/feed.md): their times are data, and are said in the viewer's zone. Pure.

import { templateOf } from "./catalogue.js";
import { momentAt, zoneName } from "./format.js";
import { format } from "./messages.js";

const PLACES = /\{\{|\}\}|\{(\w+)\}/g;

const WRITTEN = /(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC/g;

/** What the server wrote without a template (answers, notes), with its times in the viewer's zone, which it names. */
export const inZone = (text) =>
  text.replace(WRITTEN, (_, day, time) => withZone(Date.parse(`${day}T${time}Z`)));
const withZone = (at) => `${momentAt(at)} ${zoneName(at)}`;

/**
 * The values of a sentence by name, without their types.
 * @param {Record<string, {value: any}>} params
 */
export const valuesOf = (params) =>
  Object.fromEntries(Object.entries(params).map(([name, { value }]) => [name, value]));

/** A sentence's text in the viewer's language and zone; in English, where the language lacks it; as the server wrote it without a template. */
export function textOf({ text, template, key = "", params = {} }) {
  const translated = key && templateOf(key);
  if (translated) return format(translated, valuesOf(params));
  if (typeof template !== "string") return text;
  return template.replace(PLACES, (found, name) => {
    if (!name) return found[0];
    return Object.hasOwn(params, name) ? momentAt(params[name].value) : found;
  });
}

const told = (sentence) => ({ ...sentence, text: textOf(sentence) });

const toldOrNone = (sentence) => sentence && told(sentence);

/** What stopped an upgrade. */
const breachTold = (said) => ({ ...told(said), brief: toldOrNone(said.brief) });

function reasonTold(said) {
  const { code, who, brief, each, expected, remedy } = said;
  return {
    ...told(said),
    brief: toldOrNone(brief),
    each: toldOrNone(each),
    remedy: templateOf(`remedy.${who}`, remedy),
    expected: expected && {
      one: templateOf(`${code}.expected.one`, expected.one),
      other: templateOf(`${code}.expected.other`, expected.other),
    },
  };
}

/** A snapshot or a delta in which each `text` is for this viewer: nobody who shows one need know of languages and zones. */
export function inViewersZone(body) {
  const { scale_set: set, upgrade, board } = body;
  return {
    ...body,
    ...(set?.decision?.text && { scale_set: { ...set, decision: decisionTold(set.decision) } }),
    ...(upgrade?.breach && { upgrade: { ...upgrade, breach: breachTold(upgrade.breach) } }),
    ...(board?.over_limit && { board: { ...board, over_limit: told(board.over_limit) } }),
  };
}

function decisionTold(decision) {
  const { code, word, reasons = [] } = decision;
  return {
    ...told(decision),
    word: word && templateOf(`${code}.word`, word),
    reasons: reasons.map(reasonTold),
  };
}
