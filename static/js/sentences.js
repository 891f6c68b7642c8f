// The sentences of the feed (docs/feed.md): their times are data, and are said in the viewer's zone. Pure.

import { templateOf } from "./catalogue.js";
import { momentAt, zoneName } from "./format.js";
import { format } from "./messages.js";

/** @import { Params, Value } from "./messages.js" */

/**
 * A sentence of the feed; without a template where an older server wrote it.
 * @typedef {{ text: string, template?: string, key?: string, params?: Feed.Params }} Sentence
 */

const PLACES = /\{\{|\}\}|\{(\w+)\}/g;

const WRITTEN = /(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC/g;

/**
 * What the server wrote without a template (answers, notes), with its times in the viewer's zone, which it names.
 * @param {string} text
 */
export const inZone = (text) =>
  text.replace(WRITTEN, (_, day, time) => withZone(Date.parse(`${day}T${time}Z`)));

/** @param {number} at */
const withZone = (at) => `${momentAt(at)} ${zoneName(at)}`;

/**
 * The values of a sentence by name, without their types.
 * @param {Feed.Params} params
 * @returns {Params}
 */
export const valuesOf = (params) =>
  Object.fromEntries(Object.entries(params).map(([name, { value }]) => [name, valueIn(value)]));

/**
 * @param {Feed.Params[string]["value"]} value
 * @returns {Value}
 */
const valueIn = (value) => (Array.isArray(value) ? value.map(String) : value);

/**
 * A sentence's text in the viewer's language and zone; in English, where the language lacks it; as the server wrote it without a template.
 * @param {Sentence} sentence
 */
export function textOf({ text, template, key = "", params = {} }) {
  const translated = key && templateOf(key);
  if (translated) return format(translated, valuesOf(params));
  if (typeof template !== "string") return text;
  return template.replace(PLACES, (found, name) => {
    if (!name) return found[0];
    return Object.hasOwn(params, name) ? momentAt(String(params[name].value)) : found;
  });
}

/**
 * The same sentence with its text for this viewer.
 * @template {Sentence} Of
 * @param {Of} sentence
 * @returns {Of}
 */
const localized = (sentence) => ({ ...sentence, text: textOf(sentence) });

/** @param {Feed.Sentence} sentence */
const localizedOrNone = (sentence) => sentence && localized(sentence);

/** @param {NonNullable<Feed.Upgrade["breach"]>} breach what stopped an upgrade */
const localizedBreach = (breach) => ({
  ...localized(breach),
  brief: localizedOrNone(breach.brief),
});

/**
 * @param {Feed.Reason} reason
 * @returns {Feed.Reason}
 */
function localizedReason(reason) {
  const { code, who, brief, each, expected, remedy } = reason;
  return {
    ...localized(reason),
    brief: localizedOrNone(brief),
    each: localizedOrNone(each),
    remedy: templateOf(`remedy.${code}`, templateOf(`remedy.${who}`, remedy)),
    expected: expected && {
      one: templateOf(`${code}.expected.one`, expected.one),
      other: templateOf(`${code}.expected.other`, expected.other),
    },
  };
}

/**
 * A snapshot or a delta in which each `text` is for this viewer: nobody who shows one need know of languages and zones.
 * @template {{ scale_set?: Feed.ScaleSet, upgrade?: Feed.Upgrade | null, board?: Feed.Board }} Body
 * @param {Body} body
 * @returns {Body}
 */
export function inViewersZone(body) {
  const { scale_set: set, upgrade, board } = body;
  return {
    ...body,
    ...(set && { scale_set: { ...set, decision: localizedDecision(set.decision) } }),
    ...(upgrade?.breach && { upgrade: { ...upgrade, breach: localizedBreach(upgrade.breach) } }),
    ...(board?.over_limit && { board: { ...board, over_limit: localized(board.over_limit) } }),
  };
}

/**
 * @param {Feed.ScaleSet["decision"]} decision
 * @returns {Feed.ScaleSet["decision"]}
 */
function localizedDecision(decision) {
  const { text, template, key, params, code, word, reasons = [], actions } = decision;
  if (!text) return decision;
  return {
    ...decision,
    text: textOf({ text, template, key, params }),
    word: word && templateOf(`${code}.word`, word),
    reasons: reasons.map(localizedReason),
    ...(actions && { actions: localizedActions(actions) }),
  };
}

/**
 * Why each action is not possible.
 * @param {NonNullable<Feed.ScaleSet["decision"]["actions"]>} actions
 */
const localizedActions = (actions) =>
  Object.fromEntries(
    Object.entries(actions).map(([name, { why, ...action }]) => [
      name,
      { ...action, why: textOf({ text: why, key: action.key, params: action.params }) },
    ]),
  );
