// A page without news: what acts is off and says why, clocks stand still; live again all is as it was.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { click, openPage } from "./page.mjs";

const PAGE = `<div class="toasts"></div><main id="main">
  <button id="start" hx-post="/start/" title="Start">Start</button>
  <button id="off" data-act="do" aria-disabled="true" aria-describedby="why-off">Pause</button>
  <button id="look" data-act="open">Look</button></main>`;

let document, frozen;

beforeEach(async () => {
  document = openPage(PAGE);
  frozen = await import("../../static/js/frozen.js");
});

const $ = (id) => document.getElementById(id);
const says = (id) =>
  ["title", "aria-disabled", "aria-describedby"].map((name) => $(id).getAttribute(name));

test("what acts is off while there is no news, and afterwards as it was before", () => {
  const before = [says("start"), says("off"), says("look")];
  frozen.freeze("stale");
  frozen.freeze();
  assert.ok(frozen.isFrozen());
  assert.match($("start").title, /connection to the server is lost/);
  assert.equal($("start").getAttribute("aria-disabled"), "true");
  assert.deepEqual(says("look"), before[2], "looking goes on");
  frozen.thaw();
  assert.deepEqual([says("start"), says("off"), says("look")], before);
  assert.ok(!frozen.isFrozen());
});

test("a click on what acts does nothing and says why; one elsewhere goes through", () => {
  const clicked = [];
  document.addEventListener("click", ({ target }) => clicked.push(target.id));
  frozen.freeze("signed-out");
  click($("start"));
  click($("look"));
  assert.deepEqual(clicked, ["look"]);
  assert.match(document.querySelector(".toast").textContent, /You are signed out/);
  frozen.thaw();
  click($("start"));
  assert.deepEqual(clicked, ["look", "start"]);
});

test("the time that is counted with stands still", () => {
  assert.equal(frozen.heldTime(1000), 1000);
  frozen.freeze("stale");
  assert.equal(frozen.heldTime(5000), 1000);
  frozen.thaw();
  assert.equal(frozen.heldTime(6000), 6000);
});
