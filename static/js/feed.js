// The live feed (docs/feed.md): snapshot, then deltas; resumes where it was; never clears the screen.

import { under } from "./base.js";
import { Link } from "./link.js";
import { inViewersZone } from "./sentences.js";
import { applyDelta, emptyBoard, follows, fromSnapshot, isReady } from "./state.js";

const SNAPSHOTS_AT_ONCE = 4;
const MAX_ANSWER_MS = 15000; // ms
const MAX_URL_LENGTH = 6000;

/**
 * sets: keys to follow, or nothing for all; known: those of them that the page was made with, to be told of if they are gone.
 * hear(board, key): a board changed; null where it is gone. standing(kind, {lag, since}): how the connection is (link.js).
 */
export class Feed {
  /** @param {{sets?: any[] | null, known?: string[], hear: Function, standing: Function}} wanted */
  constructor({ sets = null, known = sets ?? [], hear, standing }) {
    this.sets = sets;
    this.hear = hear;
    this.boards = new Map(known.map((key) => [key, emptyBoard(key)]));
    this.waiting = new Map(); // key -> deltas that came while its snapshot is fetched
    this.behind = new Map(); // key -> where it was when a heartbeat was ahead of it
    this.queue = [];
    this.fetching = 0;
    this.link = new Link({
      address: () => this.address(),
      take: (message) => this.take(message),
      poll: () => this.poll(),
      standing,
    });
  }

  /** Now, by the server's clock, in ms. */
  now() {
    return this.link.clock.now();
  }

  address() {
    const url = new URL(under("ws/feed/"), location.href);
    url.protocol = url.protocol.replace("http", "ws");
    if (this.sets) url.searchParams.set("sets", this.sets.join());
    const since = [...this.boards.values()]
      .filter(isReady)
      .map((board) => `${board.key}:${board.stream}.${board.seq}`)
      .join();
    if (since.length < MAX_URL_LENGTH) url.searchParams.set("since", since); // longer: resets say what to fetch
    return url;
  }

  take(message) {
    if (message.type === "heartbeat") this.beat(message);
    else if (message.type === "delta") this.delta(inViewersZone(message));
    else if (message.type === "reset") this.reset(message);
  }

  beat(message) {
    this.link.say({ ack: message.n });
    for (const key of this.boards.keys()) this.check(key, message.heads[key]);
  }

  /** Behind in two heartbeats, and where it was: something was missed, so begin anew. Not named at all: it may be gone. */
  check(key, head) {
    if (this.waiting.has(key)) return;
    const here = this.place(key);
    if (head === here) this.behind.delete(key);
    else if (this.behind.get(key) === here) this.fetch(key);
    else this.behind.set(key, here);
  }

  delta(message) {
    const board = this.boards.get(message.set);
    if (this.waiting.has(message.set)) this.waiting.get(message.set).push(message);
    else if (board && follows(board, message)) this.keep(applyDelta(board, message));
    else if (!board || board.stream !== message.stream || message.since > board.seq)
      this.fetch(message.set);
  }

  reset(message) {
    if (message.reason === "gone") this.forget(message.set);
    else this.fetch(message.set);
  }

  forget(key) {
    this.waiting.delete(key);
    this.behind.delete(key);
    if (this.boards.delete(key)) this.hear(null, key);
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
      this.snapshot(key)
        .catch(() => this.again(key))
        .finally(() => {
          this.fetching -= 1;
          this.next();
        });
    }
  }

  again(key) {
    setTimeout(() => {
      if (this.waiting.has(key)) {
        this.queue.push(key);
        this.next();
      }
    }, 1000);
  }

  async snapshot(key) {
    const kept = this.waiting.get(key);
    if (!kept) return;
    let board = await this.ask(key);
    if (this.waiting.get(key) !== kept) return; // forgotten meanwhile
    if (!board) return this.forget(key);
    this.waiting.delete(key);
    for (const message of kept)
      if (follows(board, message))
        board = { ...applyDelta(board, message), rebuilt: true, touched: board.touched };
    this.keep(board);
  }

  /** A scale set as it is now; null where there is none. */
  async ask(key) {
    const body = await this.get(`${under("feed/snapshot")}?set=${encodeURIComponent(key)}`);
    return body && fromSnapshot(key, inViewersZone(body), this.now());
  }

  /** What stands there; null where nothing does. Throws where nobody answers. */
  async get(address) {
    const answer = await fetch(address, { signal: AbortSignal.timeout(MAX_ANSWER_MS) });
    if (answer.status === 401) this.leave();
    if (answer.status === 404) return null;
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    return answer.json();
  }

  leave() {
    this.queue = [];
    this.waiting.clear();
    this.link.leave();
  }

  /** Where sockets do not get through: asks where all scale sets are, and fetches those that are elsewhere than here, in turn. */
  async poll() {
    const { heads } = await this.get(under("feed/heads"));
    for (const key of this.boards.keys()) if (!heads[key]) this.forget(key);
    for (const key of this.sets ?? Object.keys(heads))
      if (heads[key] && heads[key] !== this.place(key)) await this.pollOne(key);
  }

  async pollOne(key) {
    const board = await this.ask(key),
      before = this.boards.get(key);
    if (!board) this.forget(key);
    else if (
      !this.waiting.has(key) &&
      (!before || board.stream !== before.stream || board.seq > before.seq)
    )
      this.keep(board);
  }

  /** "stream.seq" of what is here. */
  place(key) {
    const board = this.boards.get(key);
    return board && `${board.stream}.${board.seq}`;
  }
}
