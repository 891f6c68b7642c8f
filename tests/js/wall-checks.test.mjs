// What a wall asks beside its feed: it loads itself again for a new build, and only while the server answers; it knows when the engine is away.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { watchBuild, watchEngine } from "../../static/js/wall-checks.js";
import { Browser } from "./browser.mjs";

const TWO_MINUTES = 120_000;
let browser, loads, broken;

const page = (build, ok = true) => ({ ok, headers: new Map([["X-Rollgrid-Build", build]]) });

beforeEach(() => {
  browser = new Browser();
  [loads, broken] = [0, false];
  Object.assign(globalThis.location, { reload: () => (loads += 1) });
  browser.answer = () => page("b1");
  watchBuild("b1", () => broken);
});

test("the same build is not loaded again", async () => {
  await browser.passes(10 * TWO_MINUTES);
  assert.equal(loads, 0);
  assert.ok(browser.asked.length >= 10);
});

test("another build is loaded within two minutes", async () => {
  browser.answer = () => page("b2");
  await browser.passes(TWO_MINUTES);
  assert.equal(loads, 1);
});

test("a wall that broke down loads itself again", async () => {
  broken = true;
  await browser.passes(TWO_MINUTES);
  assert.equal(loads, 1);
});

for (const [what, answer] of [
  ["nobody answers", () => Promise.reject(new Error("gone"))],
  ["the link was revoked", () => page(null, false)],
  ["a proxy answers with a page of its own", () => page(null)],
])
  test(`nothing is loaded where ${what}`, async () => {
    broken = true;
    browser.answer = answer;
    await browser.passes(TWO_MINUTES);
    assert.equal(loads, 0);
    browser.answer = () => page("b2");
    await browser.passes(TWO_MINUTES);
    assert.equal(loads, 1);
  });

test("the engine is away where the server says so, and of no answer nothing follows", async () => {
  const heard = [];
  browser.answer = () => ({ status: 200 });
  await watchEngine((isAway) => heard.push(isAway));
  browser.answer = () => ({ status: 503 });
  await browser.passes(8000);
  browser.answer = () => Promise.reject(new Error("gone"));
  await browser.passes(20_000);
  assert.equal(heard[0], false);
  assert.ok(heard.length >= 2 && heard.slice(1).every((isAway) => isAway));
});
