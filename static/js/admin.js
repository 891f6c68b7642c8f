// The admin site: the server writes moments in UTC; here they become those of whoever looks, as on the audit page, and
// what is typed is theirs too. And each value of a list learns the name of its column, which stands beside it on a phone.

import { $$, find } from "./dom.js";
import { fullMomentAt, zoneName } from "./format.js";

const WRITTEN = /(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC/;

/**
 * The first moment in this text, as an element; what is behind it is a text of its own, which is looked at next.
 * @param {Text} text
 * @returns {Text | null}
 */
function rewrite(text) {
  const found = WRITTEN.exec(text.data);
  if (!found) return null;
  const [written, day, time] = found,
    element = document.createElement("time");
  const rest = text.splitText(found.index);
  rest.deleteData(0, written.length);
  element.dateTime = `${day}T${time}Z`;
  element.title = written;
  element.textContent = `${fullMomentAt(element.dateTime)} ${zoneName(element.dateTime)}`;
  rest.before(element);
  return rest;
}

/**
 * Not within what people type, nor in documents, which are shown as they are.
 * @param {Text} text
 */
const isOurs = (text) => !text.parentElement?.closest("pre, textarea, script, option");

/** @param {TreeWalker} walker */
const textAt = (walker) => /** @type {Text} */ (walker.currentNode);

const texts = document.createTreeWalker(
    find("#content-start") ?? document.body,
    NodeFilter.SHOW_TEXT,
  ),
  /** @type {Text[]} */
  found = [];
while (texts.nextNode()) if (isOurs(textAt(texts))) found.push(textAt(texts));
for (const start of found) {
  /** @type {Text | null} */
  let text = start;
  while (text) text = rewrite(text);
}

/**
 * As such an input has it, to the minute.
 * @param {number} at
 */
const localIn = (at) =>
  new Date(at - new Date(at).getTimezoneOffset() * 6e4).toISOString().slice(0, 16);

/**
 * What was sent before is shown, and what is typed is sent, in UTC.
 * @param {HTMLInputElement} input
 */
function inLocalTime(input) {
  if (input.value) input.value = localIn(Date.parse(`${input.value}Z`));
  input.form?.addEventListener("formdata", ({ formData }) => {
    if (input.value) formData.set(input.name, new Date(input.value).toISOString().slice(0, 16));
  });
}

for (const input of $$('input[type="datetime-local"]')) inLocalTime(input);
for (const place of $$(".help .zone")) place.textContent = zoneName();

const columns = $$("#result_list thead th").map(
  (head) => find(".text", head)?.textContent?.trim() ?? "",
);
/**
 * @param {HTMLElement} cell
 * @param {number} at
 */
const label = (cell, at) => {
  if (columns[at]) cell.dataset.label = columns[at];
};
for (const row of $$("#result_list tbody tr")) [...row.cells].forEach(label);

// Django's marks of explanation have a name and no role, so that nobody is read it.
addEventListener("load", () => {
  for (const sign of $$(".help-tooltip[aria-label]")) sign.setAttribute("role", "img");
});
