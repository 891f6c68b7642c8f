// The signs of the cells are pictures of their own; they are those that the legend draws.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

import { HEALTH, STATES } from "../../static/js/faces.js";

const IMG = new URL("../../static/img/", import.meta.url);
const read = (name) => readFileSync(new URL(name, IMG), "utf8");
const drawn = (text) => text.match(/<path d="[^"]+"[^>]*\/>/)[0];

test("every sign of a cell is the legend's", () => {
  const sprite = read("glyphs.svg");
  for (const file of readdirSync(new URL("cells/", IMG))) {
    const name = file.replace(".svg", ""),
      [, symbol] = sprite.match(new RegExp(`<symbol id="g-${name}"[^>]*>(.*)</symbol>`));
    assert.equal(drawn(read(`cells/${file}`)), drawn(symbol), name);
  }
});

test("every state and every health has its sign", () => {
  const css = readFileSync(new URL("../../static/css/grid.css", import.meta.url), "utf8");
  for (const code of [...Object.keys(STATES), ...Object.keys(HEALTH)])
    assert.ok(css.includes(`[data-state="${code}"]`), code);
});
