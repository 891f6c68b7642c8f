// The connection alone: when a socket is opened again, how long that waits, what is reported of it.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Link } from "../../static/js/link.js";
import { aDelta } from "./boards.mjs";
import { beat, Browser, KEY, refusal, reset } from "./browser.mjs";
import { Feed } from "../../static/js/feed.js";

let browser, link, heard, stood, polls;

beforeEach(() => {
  browser = new Browser();
  [heard, stood, polls] = [[], [], 0];
  link = new Link({
    address: () => new URL("ws://rollgrid.example/ws/feed/"),
    take: (message) => heard.push(message.type),
    poll: async () => {
      polls += 1;
      throw new Error("nobody answers");
    },
    showConnection: (kind, details) => stood.push([kind, details]),
  });
});

const kind = () => stood.at(-1)?.[0];

/** How long it takes until the next socket is opened, in ms. */
async function waitForSocket() {
  const before = browser.sockets.length,
    from = browser.ticks;
  while (browser.sockets.length === before) await browser.passes(50);
  return browser.ticks - from;
}

test("each lost socket is waited for longer than the one before, up to ten seconds", async () => {
  const waits = [];
  for (let i = 0; i < 8; i++) {
    browser.socket.drops();
    waits.push(await waitForSocket());
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
});

test("the waits of many clients are spread: half of each is by chance", async () => {
  Math.random = () => 0;
  browser.socket.drops();
  assert.equal(await waitForSocket(), 250);
});

test("a word on the socket ends the long waits", async () => {
  for (let i = 0; i < 5; i++) {
    browser.socket.drops();
    await waitForSocket();
  }
  browser.socket.open();
  browser.socket.says(beat(1));
  assert.equal(kind(), "live");
  browser.socket.drops();
  assert.equal(await waitForSocket(), 500);
});

test("an old socket that speaks or closes late is not heard", async () => {
  const old = browser.socket;
  old.open();
  old.drops();
  await waitForSocket();
  old.says(beat(1));
  old.drops();
  assert.deepEqual(heard, []);
  assert.equal(link.tries, 1);
});

test("an error is no word: the socket is closed after it", () => {
  browser.socket.open();
  browser.socket.says({ type: "error", code: "BadRequest", message: "since is wrong" });
  assert.deepEqual([heard, link.opened], [[], false]);
});

test("it polls from the third lost socket on, every three seconds, and stops at the first word", async () => {
  for (let i = 0; i < 2; i++) {
    browser.socket.drops();
    await waitForSocket();
  }
  assert.equal(polls, 0);
  browser.socket.drops();
  await browser.passes(0);
  assert.equal(polls, 1);
  await browser.passes(3000);
  assert.equal(polls, 2);
  browser.socket.open();
  browser.socket.says(beat(1));
  await browser.passes(10_000);
  assert.equal(polls, 2);
});

test("online again, or looked at again, it does not wait", async () => {
  browser.socket.drops();
  browser.listeners.online();
  assert.equal(browser.sockets.length, 2);
  browser.socket.drops();
  browser.listeners.visibilitychange();
  assert.equal(browser.sockets.length, 3);
  browser.listeners.online();
  assert.equal(browser.sockets.length, 3, "one that is being opened is enough");
});

test("what is said while there is no socket is lost, not an error", () => {
  browser.socket.drops();
  link.say({ ack: 1 });
});

// --- the feed over it: a gap ---

/** A feed with a board at 1. */
async function aFeed() {
  browser = new Browser();
  const boards = [];
  const feed = new Feed({
    sets: [KEY],
    hear: (board) => boards.push(board),
    showConnection: () => {},
  });
  browser.socket.open();
  browser.socket.says(reset());
  await browser.passes(0);
  browser.asked = [];
  return { feed, boards };
}

test("after a gap it asks for a snapshot, once, and drops nothing that comes meanwhile", async () => {
  const { boards } = await aFeed();
  browser.answer = () => browser.snapshot(5);
  browser.socket.says(aDelta({ since: 3, seq: 4 }));
  browser.socket.says(aDelta({ since: 4, seq: 5 }));
  browser.socket.says(aDelta({ since: 5, seq: 6 }));
  await browser.passes(0);
  assert.deepEqual(browser.asked, ["/feed/snapshot?set=fleet%2Fweb&without=disks"]);
  assert.equal(boards.at(-1).seq, 6);
});

test("a delta that is known already is no gap", async () => {
  const { boards } = await aFeed();
  browser.socket.says(aDelta({ since: 0, seq: 1 }));
  await browser.passes(0);
  assert.deepEqual([browser.asked, boards.length], [[], 1]);
});

test("a delta of another stream is a gap", async () => {
  await aFeed();
  browser.socket.says(aDelta({ stream: "t" }));
  await browser.passes(0);
  assert.equal(browser.asked.length, 1);
});

test("a snapshot that nobody gives is asked for each second, not at once", async () => {
  await aFeed();
  browser.answer = () => refusal(503);
  browser.socket.says(aDelta({ since: 3, seq: 4 }));
  for (let second = 0; second < 4; second++) {
    browser.socket.says(beat(second));
    await browser.passes(1000);
  }
  assert.equal(browser.asked.length, 5);
});
