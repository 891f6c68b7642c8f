// The feed's client through all that goes wrong: sockets that drop, hang or are blocked, a session that ends, a set that goes.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Feed } from "../../static/js/feed.js";
import { aDelta, anInstance } from "./boards.mjs";
import { beat, Browser, KEY, refusal, reset } from "./browser.mjs";

let browser, feed, heard, stood;

beforeEach(() => {
  browser = new Browser();
  [heard, stood] = [[], []];
  feed = new Feed({
    sets: [KEY],
    hear: (board, key) => heard.push(board ? board.seq : `${key} is gone`),
    showConnection: (kind, details) => stood.push([kind, details]),
  });
});

const kind = () => stood.at(-1)[0];

/** Connected, with a snapshot. */
async function live() {
  browser.socket.open();
  browser.socket.says(reset());
  await browser.passes(0);
}

/** The server goes on to speak for so many seconds. */
async function speaks(seconds, head = "s.1") {
  for (let n = 1; n <= seconds / 2; n++) {
    browser.socket.says(beat(n, head));
    await browser.passes(2000);
  }
}

test("a snapshot, then deltas; every heartbeat is answered", async () => {
  await live();
  browser.socket.says(aDelta());
  browser.socket.says(beat(7, "s.2"));
  assert.deepEqual([heard, kind(), browser.socket.sent], [[1, 2], "live", [{ ack: 7 }]]);
});

test("deltas that come while the snapshot is fetched are applied to it", async () => {
  browser.answer = () => browser.snapshot(2);
  browser.socket.open();
  browser.socket.says(reset());
  browser.socket.says(aDelta());
  browser.socket.says(
    aDelta({ since: 2, seq: 3, instances: [anInstance(1, { health: "unhealthy" })] }),
  );
  await browser.passes(0);
  assert.deepEqual(heard, [3]);
  assert.equal(feed.boards.get(KEY).instances[1].health, "unhealthy");
});

test("a page that asks before its socket is open asks once where the snapshot is new enough", async () => {
  feed.fetch(KEY);
  browser.socket.open();
  browser.socket.says(reset());
  await browser.passes(0);
  assert.deepEqual([heard, browser.asked.length], [[1], 1]);
  browser.socket.says(aDelta());
  assert.deepEqual(heard, [1, 2]);
});

test("a snapshot that came before the socket's first word is enough, if nothing happened since", async () => {
  feed.fetch(KEY);
  await browser.passes(0);
  browser.socket.open();
  browser.socket.says(reset());
  await browser.passes(0);
  assert.equal(browser.asked.length, 1);
});

for (const [when, comesFirst] of [
  ["before the socket's first word", true],
  ["after it", false],
])
  test(`a snapshot that is too old, and comes ${when}, is asked for again`, async () => {
    feed.fetch(KEY); // the answer is of seq 1
    browser.answer = () => browser.snapshot(4);
    if (comesFirst) await browser.passes(0);
    browser.socket.open();
    browser.socket.says(reset("new", { seq: 4 }));
    await browser.passes(0);
    assert.deepEqual([heard, browser.asked.length], [[1, 4], 2]);
  });

test("a lost connection is resumed where it was", async () => {
  await live();
  browser.socket.drops();
  assert.equal(kind(), "reconnecting");
  await browser.passes(600);
  assert.equal(browser.sockets.length, 2);
  assert.equal(browser.socket.url.searchParams.get("since"), `${KEY}:s.1`);
});

test("a new socket has time for its first word, however long the old one was silent", async () => {
  await live();
  browser.socket.drops();
  browser.wall += 3_600_000; // the laptop slept: only one of its clocks went on
  await browser.passes(600);
  const again = browser.socket;
  again.open();
  await browser.passes(1900); // nothing is new: the first word is a heartbeat
  assert.equal(again.readyState, 1, "it was given up");
  again.says(beat(1));
  assert.equal(kind(), "live");
});

test("a socket that never opens is given up", async () => {
  const [first] = browser.sockets;
  await browser.passes(30_000);
  assert.equal(first.readyState, 2);
  assert.ok(browser.sockets.length > 1);
});

test("an open socket without a word for five seconds is dead", async () => {
  await live();
  const [first] = browser.sockets;
  await browser.passes(7000);
  assert.equal(first.readyState, 2);
  assert.equal(kind(), "stale");
});

/** Every socket fails at once. */
async function blocked(seconds) {
  for (let second = 0; second < seconds; second++) {
    if (browser.socket.readyState === 0) browser.socket.drops();
    await browser.passes(1000);
  }
}

test("where sockets are blocked it asks over HTTP, once every three seconds", async () => {
  await blocked(10);
  assert.equal(kind(), "polling");
  assert.equal(heard[0], 1);
  const before = browser.asked.length;
  await blocked(60);
  assert.ok(browser.asked.length - before <= 21, `${browser.asked.length - before} in a minute`);
  assert.deepEqual(heard, [1], "what did not change is not told again");
});

test("where sockets are blocked only what changed is fetched, and a scale set that is new or gone is noticed", async () => {
  feed.sets = null;
  let heads = { [KEY]: "s.1" };
  browser.answer = (url) =>
    url === "/feed/heads"
      ? browser.heads(heads)
      : browser.snapshot(
          Number(heads[new URLSearchParams(url.split("?")[1]).get("set")].split(".")[1]),
        );
  await blocked(10);
  heads = { [KEY]: "s.1", "fleet/new": "s.4" };
  browser.asked = [];
  await blocked(6);
  assert.deepEqual(heard, [1, 4]);
  assert.deepEqual(
    browser.asked.filter((url) => url !== "/feed/heads"),
    ["/feed/snapshot?set=fleet%2Fnew&without=disks"],
  );
  heads = { "fleet/new": "s.4" };
  await blocked(6);
  assert.deepEqual(heard, [1, 4, `${KEY} is gone`]);
});

test("signed out where sockets are blocked is said too", async () => {
  await blocked(10);
  browser.answer = () => refusal(401);
  await blocked(6);
  assert.equal(kind(), "signed-out");
});

test("sockets that are blocked later, too", async () => {
  await live();
  browser.socket.drops();
  await blocked(40);
  assert.equal(kind(), "polling");
});

test("where not even HTTP gets through, the board is stale", async () => {
  await blocked(10);
  browser.answer = () => refusal(503);
  await blocked(20);
  assert.equal(kind(), "stale");
});

test("signed out is said, and stays said until somebody signs in", async () => {
  await live();
  browser.socket.says({ type: "error", code: "NotSignedIn", message: "sign in first" });
  browser.socket.drops(4401);
  await browser.passes(60_000);
  assert.equal(kind(), "signed-out");
  assert.equal(browser.sockets.length, 1, "it does not hammer");
  browser.listeners.visibilitychange();
  assert.equal(kind(), "signed-out");
  browser.socket.open();
  browser.socket.says(beat(1));
  assert.equal(kind(), "live");
});

test("a snapshot that is refused to those signed out", async () => {
  browser.answer = () => refusal(401);
  await live();
  await speaks(6);
  assert.equal(kind(), "signed-out");
  assert.equal(browser.asked.length, 1);
});

test("a server that refuses what is asked is asked less and less often", async () => {
  for (let i = 0; i < 60; i++) {
    if (browser.socket.readyState === 0) {
      browser.socket.open();
      browser.socket.says({ type: "error", code: "BadRequest", message: "since is ..." });
      browser.socket.drops(4400);
    }
    await browser.passes(500);
  }
  assert.ok(browser.sockets.length < 12, `${browser.sockets.length} in half a minute`);
});

test("what is deleted while its snapshot is under way stays gone", async () => {
  let answer;
  browser.answer = () =>
    new Promise((resolve) => {
      answer = resolve;
    });
  await live();
  browser.socket.says(reset("gone"));
  answer(browser.snapshot(1));
  await browser.passes(0);
  assert.deepEqual(heard, [`${KEY} is gone`]);
});

test("a set that is made anew begins anew", async () => {
  await live();
  browser.socket.says(reset("gone"));
  browser.answer = () => browser.snapshot(1, { stream: "t", instances: 5 });
  browser.socket.says(reset("stream", { stream: "t" }));
  await browser.passes(0);
  assert.deepEqual(heard, [1, `${KEY} is gone`, 1]);
  assert.equal(feed.boards.get(KEY).instances.length, 5);
});

test("behind in two heartbeats: something was missed, and is fetched", async () => {
  await live();
  browser.answer = () => browser.snapshot(4);
  await speaks(2, "s.4");
  assert.equal(browser.asked.length, 1);
  await speaks(2, "s.4");
  assert.deepEqual(heard, [1, 4]);
});

test("a snapshot that fails is asked for again", async () => {
  browser.answer = () => refusal(503);
  await live();
  browser.answer = () => browser.snapshot(1);
  await browser.passes(1500);
  assert.deepEqual(heard, [1]);
});

test("a clock that is set anew is not taken for a lag", async () => {
  await live();
  browser.wall += 3_600_000;
  for (let n = 1; n < 4; n++) {
    browser.socket.onmessage({
      data: JSON.stringify({ ...beat(n), at: new Date(browser.wall - 3_600_000).toISOString() }),
    });
    await browser.passes(2000);
  }
  const [kind, { lag }] = stood.at(-1);
  assert.equal(kind, "live");
  assert.ok(lag < 1000, `a lag of ${lag} ms`);
  assert.ok(Math.abs(feed.now() - (browser.wall - 3_600_000)) < 3000);
});

test("a clock that is set back does not hide silence", async () => {
  await live();
  browser.wall -= 3_600_000;
  await browser.passes(7000);
  assert.equal(kind(), "stale");
});
