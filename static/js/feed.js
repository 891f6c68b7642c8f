// The live feed (docs/feed.md): snapshot, then deltas; resumes where it was; never clears the screen.

import { emptyBoard, isReady } from "./board.js";
import { feedAddress, underWith } from "./feed-address.js";
import { Link } from "./link.js";
import { inViewersZone } from "./sentences.js";
import { SnapshotQueue } from "./snapshot-queue.js";
import { applyDelta, follows, fromSnapshot, reaches, reachesAll, withKept } from "./state.js";

const MAX_ANSWER_MS = 15000;

/**
 * @import { Board, EmptyBoard } from "./board.js"
 * @import { Heartbeat, Message, Reset, ShowConnection } from "./link.js"
 * @import { Delta, Snapshot } from "./state.js"
 *
 * A board changed; null where the scale set is gone.
 * @typedef {(board: Board | EmptyBoard | null, key: string) => void} Hear
 */

export class Feed {
  /** The deltas and resets that came while a snapshot is fetched. @type {Map<string, (Delta | Reset)[]>} */
  waiting = new Map();
  /** Where a board was when a heartbeat was ahead of it. @type {Map<string, string | undefined>} */
  behind = new Map();
  disks = false; // are those of instances asked for too? They are most of a snapshot, and few screens show them

  /**
   * `sets`: keys to follow, null for all; `known`: those of them that the page was made with, to be heard of if they are gone.
   * `token`: of a wallboard link, where no cookie says who asks.
   * @param {{ sets?: string[] | null, known?: string[], token?: string, hear: Hear, showConnection: ShowConnection }} wanted
   */
  constructor({ sets = null, known = sets ?? [], token = "", hear, showConnection }) {
    this.sets = sets;
    this.token = token;
    this.hear = hear;
    /** @type {Map<string, Board | EmptyBoard>} */
    this.boards = new Map(known.map((key) => [key, emptyBoard(key)]));
    this.queue = new SnapshotQueue({
      fetch: (key) => this.snapshot(key),
      isWanted: (key) => this.waiting.has(key),
    });
    this.link = new Link({
      address: () => feedAddress(this.sets, this.boards.values(), this.token),
      take: (message) => this.take(message),
      poll: () => this.poll(),
      showConnection,
    });
  }

  /** By the server's clock, in ms. */
  now = () => this.link.clock.now();

  /** @param {Message} message */
  take(message) {
    if (message.type === "heartbeat") this.beat(message);
    else if (message.type === "delta") this.delta(inViewersZone(message));
    else if (message.type === "reset") this.reset(message);
  }

  /** @param {Heartbeat} message */
  beat(message) {
    this.link.say({ ack: message.n });
    for (const key of this.boards.keys()) this.check(key, message.heads[key]);
  }

  /**
   * Behind in two heartbeats, and where it was: something was missed, so begin anew. Not named at all: it may be gone.
   * @param {string} key
   * @param {string | undefined} head
   */
  check(key, head) {
    if (this.waiting.has(key)) return;
    const here = this.place(key);
    if (head === here) this.behind.delete(key);
    else if (this.behind.get(key) === here) this.fetch(key);
    else this.behind.set(key, here);
  }

  /** @param {Delta} message */
  delta(message) {
    const { set: key } = message,
      board = this.boards.get(key),
      kept = this.waiting.get(key);
    if (kept) kept.push(message);
    else if (board && isReady(board) && follows(board, message))
      this.keep(applyDelta(board, message));
    else if (!board || board.stream !== message.stream || message.since > board.seq)
      this.fetch(key);
  }

  /** @param {Reset} message */
  reset(message) {
    const { set: key } = message,
      board = this.boards.get(key),
      kept = this.waiting.get(key);
    if (message.reason === "gone") this.forget(key);
    else if (kept) kept.push(message);
    else if (!board || !reaches(board, message)) this.fetch(key);
  }

  /** @param {string} key */
  forget(key) {
    this.waiting.delete(key);
    this.behind.delete(key);
    if (this.boards.delete(key)) this.hear(null, key);
  }

  /** @param {Board} board */
  keep(board) {
    this.boards.set(board.key, board);
    this.hear(board, board.key);
  }

  /**
   * Fetches a snapshot, a few at a time; deltas that come meanwhile are kept and applied to it.
   * @param {string} key
   */
  fetch(key) {
    if (this.waiting.has(key)) return;
    this.waiting.set(key, []);
    if (!this.boards.has(key)) this.boards.set(key, emptyBoard(key));
    this.queue.add(key);
  }

  /** @param {string} key */
  async snapshot(key) {
    const kept = this.waiting.get(key);
    if (!kept) return;
    let board = await this.ask(key);
    if (this.waiting.get(key) !== kept) return; // forgotten meanwhile
    if (!board) return this.forget(key);
    this.waiting.delete(key);
    board = withKept(board, kept);
    this.keep(board);
    if (!reachesAll(board, kept)) this.fetch(key);
  }

  /**
   * A scale set as it is now; null where there is none.
   * @param {string} key
   */
  async ask(key) {
    const without = this.disks ? "" : "disks";
    const address = underWith("feed/snapshot", { set: key, without, token: this.token });
    /** @type {Snapshot | null} */
    const body = await this.get(address);
    return body && fromSnapshot(key, inViewersZone(body), this.now());
  }

  /**
   * What the server answers there, null where there is nothing. Throws where nobody answers.
   * @param {string} address
   */
  async get(address) {
    const answer = await fetch(address, { signal: AbortSignal.timeout(MAX_ANSWER_MS) });
    if (answer.status === 401) this.leave();
    if (answer.status === 404) return null;
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    return answer.json();
  }

  leave() {
    this.queue.clear();
    this.waiting.clear();
    this.link.leave();
  }

  /** Where sockets do not get through: asks where all scale sets are, and fetches those that are elsewhere than here, in turn. */
  async poll() {
    /** @type {{ heads: Record<string, string> }} */
    const { heads } = await this.get(underWith("feed/heads", { token: this.token }));
    for (const key of this.boards.keys()) if (!heads[key]) this.forget(key);
    for (const key of this.sets ?? Object.keys(heads))
      if (heads[key] && heads[key] !== this.place(key)) await this.pollOne(key);
  }

  /** @param {string} key */
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

  /**
   * "stream.seq" of what is here.
   * @param {string} key
   */
  place(key) {
    const board = this.boards.get(key);
    return board && `${board.stream}.${board.seq}`;
  }
}
