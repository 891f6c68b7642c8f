// A wall speaks a language whole: each text that its scripts can ask for is there, with the same values.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { format } from "../../static/js/messages.js";
import { TEXTS } from "../../static/js/texts.js";

const SCRIPTS = new URL("../../static/js/", import.meta.url);
for (const file of readdirSync(SCRIPTS).filter((name) => name.startsWith("texts")))
  await import(new URL(file, SCRIPTS));
const LANGUAGES = new URL("../../static/texts/", import.meta.url);

/** The keys of all texts that are named in the modules which wall.js loads. */
function keysOfTheWall() {
  const seen = new Set(),
    keys = new Set(),
    open = ["wall.js"];
  while (open.length) {
    const name = open.pop();
    if (seen.has(name) || name.startsWith("texts")) continue;
    seen.add(name);
    const source = readFileSync(new URL(name, SCRIPTS), "utf8");
    open.push(...[...source.matchAll(/from "\.\/([\w-]+\.js)"/g)].map(([, file]) => file));
    for (const [, key] of source.matchAll(/["`]([a-z]\w*\.[\w.-]+)["`]/g))
      if (Object.hasOwn(TEXTS, key)) keys.add(key);
  }
  return [...keys, "connection.connecting", "connection.polling"];
}

/** The names of the values that a template asks for. */
function placesIn(template) {
  const asked = new Set();
  const note = (_, name) => {
    asked.add(name);
    return { value: 2, configurable: true };
  };
  format(template, new Proxy({}, { getOwnPropertyDescriptor: note, get: () => 2 }));
  return [...asked];
}

for (const file of readdirSync(LANGUAGES)) {
  const texts = JSON.parse(readFileSync(new URL(file, LANGUAGES), "utf8"));

  test(`${file} has every text of a wall`, () => {
    assert.deepEqual(
      keysOfTheWall().filter((key) => !texts[key]),
      [],
    );
  });

  test(`${file} has no text that nobody asks for, and the places of the English ones`, () => {
    for (const [key, template] of Object.entries(texts)) {
      assert.ok(Object.hasOwn(TEXTS, key), key);
      assert.deepEqual(
        placesIn(template).filter((name) => !placesIn(TEXTS[key]).includes(name)),
        [],
        key,
      );
    }
  });
}
