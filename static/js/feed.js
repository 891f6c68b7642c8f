// The live feed (docs/feed.md): snapshot, then deltas; resumes where it was; never clears the screen.

import { applyDelta, emptyBoard, follows, fromSnapshot, isReady } from "./state.js";

const SILENCE = 5000; // ms without a word from the server: the board is stale
const LONGEST_WAIT = 10000;
const POLL_EVERY = 3000; // where sockets are blocked
const SOCKET_TRIES = 3; // before polling
const SNAPSHOTS_AT_ONCE = 4;
const LONGEST_URL = 6000;
const SIGNED_OUT = 4401;

/**
 * sets: keys to follow, or nothing for all; known: those of them that the page was made with, to be told of if they are gone.
 * hear(board, key): a board changed; null where it is gone.
 * standing(kind, {lag, since}): kind is "connecting", "live", "reconnecting", "stale", "polling" or "signed-out".
 */
export class Feed {
  constructor({ sets = null, known = [], hear, standing }) {
    this.sets = sets;
    this.hear = hear;
    this.standing = standing;
    this.boards = new Map(known.map((key) => [key, emptyBoard(key)]));
    this.waiting = new Map(); // key -> deltas that came while its snapshot is fetched
    this.behind = new Map(); // key -> where it was when a heartbeat was ahead of it
    this.queue = [];
    this.fetching = 0;
    this.tries = 0;
    this.opened = false;
    this.lastWord = Date.now();
    this.ahead = Infinity; // how far the server's clock is behind ours, with the quickest message so far
    this.connect();
    setInterval(() => this.watch(), 1000);
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.hurry(); });
  }

  /** Now, by the server's clock, in ms. */
  now() { return Date.now() - (Number.isFinite(this.ahead) ? this.ahead : 0); }

  connect() {
    clearTimeout(this.timer);
    const url = new URL("/ws/feed/", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    if (this.sets) url.searchParams.set("sets", this.sets.join());
    const since = [...this.boards.values()].filter(isReady).map((board) => `${board.key}:${board.stream}.${board.seq}`).join();
    if (since.length < LONGEST_URL) url.searchParams.set("since", since); // longer: resets say what to fetch
    const socket = (this.socket = new WebSocket(url));
    socket.onmessage = (event) => this.take(JSON.parse(event.data));
    socket.onclose = (event) => { if (socket === this.socket) this.lost(event.code); };
  }

  lost(code) {
    this.socket = null;
    if (code === SIGNED_OUT) return this.standing("signed-out", {});
    this.tries += 1;
    const wait = Math.min(LONGEST_WAIT, 250 * 2 ** this.tries) * (0.5 + Math.random() / 2);
    if (!this.opened && this.tries >= SOCKET_TRIES) this.poll();
    else this.report();
    this.timer = setTimeout(() => this.connect(), wait);
  }

  hurry() {
    if (!this.socket) this.connect();
  }

  /** A socket that is open and silent is dead. */
  watch() {
    if (this.socket && Date.now() - this.lastWord > SILENCE && this.socket.readyState === WebSocket.OPEN) {
      const socket = this.socket;
      this.lost(1006);
      socket.close();
    }
    this.report();
  }

  report() {
    const quiet = Date.now() - this.lastWord;
    if (this.polling && !this.socket?.readyState) return this.standing("polling", { since: this.lastWord });
    if (quiet > SILENCE) return this.standing("stale", { since: this.lastWord });
    if (!this.socket || this.socket.readyState !== WebSocket.OPEN) return this.standing(this.opened ? "reconnecting" : "connecting", {});
    this.standing("live", { lag: this.lag ?? 0 });
  }

  take(message) {
    this.opened = true;
    this.polling = false;
    this.tries = 0;
    this.lastWord = Date.now();
    this.measure(Date.parse(message.at));
    if (message.type === "heartbeat") this.beat(message);
    else if (message.type === "delta") this.delta(message);
    else if (message.type === "reset") this.reset(message);
    this.report();
  }

  measure(at) {
    const behind = Date.now() - at;
    this.ahead = Math.min(this.ahead, behind);
    this.lag = behind - this.ahead;
  }

  beat(message) {
    this.socket.send(JSON.stringify({ ack: message.n }));
    for (const key of this.boards.keys()) this.check(key, message.heads[key]);
  }

  /** Behind in two heartbeats, and where it was: something was missed, so begin anew. Not named at all: it may be gone. */
  check(key, head) {
    const board = this.boards.get(key);
    if (this.waiting.has(key)) return;
    const here = `${board.stream}.${board.seq}`;
    if (head === here) this.behind.delete(key);
    else if (this.behind.get(key) === here) this.fetch(key);
    else this.behind.set(key, here);
  }

  delta(message) {
    const board = this.boards.get(message.set);
    if (this.waiting.has(message.set)) this.waiting.get(message.set).push(message);
    else if (board && follows(board, message)) this.keep(applyDelta(board, message));
    else if (!board || board.stream !== message.stream || message.since > board.seq) this.fetch(message.set);
  }

  reset(message) {
    if (message.reason === "gone") this.forget(message.set);
    else this.fetch(message.set);
  }

  forget(key) {
    this.boards.delete(key);
    this.waiting.delete(key);
    this.behind.delete(key);
    this.hear(null, key);
  }

  keep(board) {
    this.boards.set(board.key, board);
    this.hear(board, board.key);
  }

  /** Fetches a snapshot, a few at a time; deltas that come meanwhile are kept and applied to it. */
  fetch(key) {
    if (this.waiting.has(key)) return;
    this.waiting.set(key, []);
    if (!this.boards.has(key)) this.boards.set(key, emptyBoard(key));
    this.queue.push(key);
    this.next();
  }

  next() {
    while (this.fetching < SNAPSHOTS_AT_ONCE && this.queue.length) {
      const key = this.queue.shift();
      this.fetching += 1;
      this.snapshot(key).catch(() => this.again(key)).finally(() => { this.fetching -= 1; this.next(); });
    }
  }

  again(key) {
    setTimeout(() => { if (this.waiting.has(key)) { this.queue.push(key); this.next(); } }, 1000);
  }

  async snapshot(key) {
    const answer = await fetch(`/feed/snapshot?set=${encodeURIComponent(key)}`);
    if (answer.status === 401) return this.standing("signed-out", {});
    if (answer.status === 404) return this.forget(key);
    if (!answer.ok) throw new Error(`snapshot: ${answer.status}`);
    let board = fromSnapshot(key, await answer.json(), this.now());
    const kept = this.waiting.get(key) ?? [];
    this.waiting.delete(key);
    for (const message of kept) if (follows(board, message)) board = { ...applyDelta(board, message), rebuilt: true, touched: board.touched };
    this.keep(board);
  }

  /** Sockets do not get through here: ask over HTTP. Which scale sets there are, the page has said. */
  poll() {
    this.polling = true;
    const keys = this.sets ?? document.body.dataset.sets?.split(",").filter(Boolean) ?? [];
    const ask = async () => {
      if (!this.polling) return;
      for (const key of keys) await this.snapshot(key).then(() => { this.lastWord = Date.now(); }).catch(() => {});
      setTimeout(ask, POLL_EVERY);
    };
    ask();
  }
}
