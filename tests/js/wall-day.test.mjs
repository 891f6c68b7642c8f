// A day of a wall: the feed's client, the counts and the cells of 50,000 deltas, with the heap as large in the evening as in the morning.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { countAgain } from "../../static/js/fleet-counts.js";
import { Feed } from "../../static/js/feed.js";
import { setSays } from "../../static/js/wall-say.js";
import { worstFirst } from "../../static/js/wall-shown.js";
import { aDelta, anInstance, figuresOf } from "./boards.mjs";
import { beat, Browser, KEY, reset } from "./browser.mjs";

const DELTAS = 50_000,
  SIZE = 20,
  LOOKS = 10; // in a day, at the heap
const MAX_GROWTH = 1_500_000; // bytes: less than 35 a delta, so nothing of a delta is kept
const STATES = ["done", "upgrading", "verifying", "unhealthy", "failed"];

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

test("the heap does not grow in a day", async () => {
  const browser = new Browser();
  /** @type {Map<string, import("../../static/js/fleet-counts.js").Counted>} */
  const fleet = new Map();
  const feed = new Feed({
    token: "secret",
    hear: (board, key) => fleet.set(key, countAgain(board, fleet.get(key), browser.wall)),
    showConnection() {},
  });
  browser.answer = () => browser.snapshot(1, { instances: SIZE });
  browser.socket.open();
  browser.socket.says(reset());
  await browser.passes(0);
  const sizes = [];
  for (let n = 1; n <= DELTAS; n += 1) {
    const id = n % SIZE,
      state = STATES[n % STATES.length];
    const states = { done: `0-${SIZE - 1}`, [state]: String(id) };
    const more = {
      instances: [anInstance(id, { version: `16.04.${n}` })],
      board: figuresOf(states),
    };
    browser.socket.says(aDelta({ set: KEY, since: n, seq: n + 1, ...more }));
    if (n % 100) continue;
    worstFirst(fleet.values()).forEach(setSays);
    browser.socket.says(beat(n, `s.${n + 1}`));
    browser.socket.sent.length = 0;
    await browser.passes((86_400_000 / DELTAS) * 100 > 4000 ? 4000 : 0);
    if (n % (DELTAS / LOOKS)) continue;
    collect();
    sizes.push(process.memoryUsage().heapUsed);
  }
  assert.equal(feed.boards.get(KEY).seq, DELTAS + 1);
  const [, early] = sizes,
    late = sizes.at(-1);
  assert.ok(late - early < MAX_GROWTH, `from ${early} to ${late} bytes: ${sizes}`);
});
