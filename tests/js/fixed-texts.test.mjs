// Texts are in the catalogue: every key that a script asks for is there, none is left over, and scripts that were moved to it write no words of their own.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { TEXTS } from "../../static/js/texts.js";

const SCRIPTS = new URL("../../static/js/", import.meta.url);
const sourceOf = (file) =>
  readFileSync(new URL(file, SCRIPTS), "utf8").replace(
    /\/\*[^]*?\*\/|^\s*\/\/.*$|\s\/\/ .*$/gm,
    "",
  );
const MOVED = [
  "acts.js",
  "confirm.js",
  "faces.js",
  "frozen.js",
  "keys.js",
  "legend.js",
  "opting-out.js",
  "shell.js",
];
// A text: a word with a capital letter first, or two words with a blank between them.
const TEXT = /^[A-Z][a-z]+ ?[a-z]*[.!?]?$|[A-Za-z]{2,} [a-z]{2,}/;

function textsOf(source) {
  const literals = [...source.matchAll(/"(?:[^"\\\n]|\\.)*"/g)].map(([found]) =>
    found.slice(1, -1),
  );
  const markup = [...source.matchAll(/>([^<>`$={}]+)</g)].map(([, found]) => found);
  return [...literals, ...markup]
    .map((found) => found.trim())
    .filter((found) => TEXT.test(found) && !NO_TEXTS.has(found) && !/^[.#[]|[[\]#]/.test(found));
}
// Names of keys, of classes and of events.
const NO_TEXTS = new Set(
  "ArrowLeft ArrowRight ArrowUp ArrowDown Home End PageUp PageDown Enter Space Shift Esc Escape".split(
    " ",
  ),
);
["button plain", "dialog form .button.main", "toast notice"].forEach((name) => NO_TEXTS.add(name));

test("every key that a script asks for is in the catalogue, and none is left over", () => {
  const asked = new Set();
  for (const file of readdirSync(SCRIPTS).filter((name) => name.endsWith(".js")))
    for (const [, key] of sourceOf(file).matchAll(/\b(?:t|tPieces|templateOf)\(\s*"([^"]+)"/g))
      asked.add(key);
  assert.deepEqual([...asked].sort(), Object.keys(TEXTS).sort());
});

for (const file of MOVED)
  test(`${file} writes no text of its own`, () => {
    const found = textsOf(sourceOf(file)).filter((text) => !/^(button|link|choice)\b/.test(text));
    assert.deepEqual(found, []);
  });

test("a text that does not go through the catalogue is found", () => {
  assert.deepEqual(textsOf('say("Live again.")'), ["Live again."]);
  assert.deepEqual(textsOf("html`<p>You are signed out.</p>`"), ["You are signed out."]);
});
