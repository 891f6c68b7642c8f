// The feed's connection: a socket that is opened again whenever it is lost, and polling where sockets do not get through.

import { ServerClock, Stopwatch } from "./clock.js";

const SILENCE = 5000; // ms without a word from the server: the board is stale
const OPENING = 10000; // ms for a socket to open
const MAX_WAIT_MS = 10000;
const POLL_EVERY = 3000;
const SOCKET_TRIES = 3; // before polling
const SIGNED_OUT = 4401;
const ABNORMAL = 1006; // the code of a socket that closes without a word

/**
 * @typedef {Feed.Message} Message
 * @typedef {Feed.Heartbeat} Heartbeat
 * @typedef {Feed.Reset} Reset
 *
 * How the connection is.
 * @typedef {"connecting" | "live" | "reconnecting" | "stale" | "polling" | "signed-out"} Kind
 *
 * `lag`: how late the last word came, in ms; `since`: when it came, in ms.
 * @typedef {{ lag?: number, since?: number }} Details
 * @typedef {(kind: Kind, details: Details) => void} ShowConnection
 *
 * One run of polling: a word on the socket ends it.
 * @typedef {{ answered: boolean }} Run
 */

export class Link {
  /** @type {WebSocket | null} */
  socket = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer = undefined;
  /** @type {Run | null} */
  polling = null;
  tries = 0;
  opened = false;
  signedOut = false;
  clock = new ServerClock();
  /** Since the last word. */
  word = new Stopwatch();
  /** Since this socket had to say something. */
  patience = new Stopwatch();

  /**
   * address(): where the socket is opened; take(message): what it said; poll(): asks over HTTP, throws where that fails.
   * @param {{ address: () => URL, take: (message: Message) => void, poll: () => Promise<void>, showConnection: ShowConnection }} wanted
   */
  constructor({ address, take, poll, showConnection }) {
    this.address = address;
    this.heard = take;
    this.ask = poll;
    this.showConnection = showConnection;
    this.connect();
    setInterval(() => this.watch(), 1000);
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.hurry();
    });
  }

  connect() {
    clearTimeout(this.timer);
    const socket = (this.socket = new WebSocket(this.address()));
    this.patience.restart();
    socket.onopen = () => this.patience.restart();
    socket.onmessage = ({ data }) => {
      if (socket === this.socket) this.take(JSON.parse(data));
    };
    socket.onclose = ({ code }) => {
      if (socket === this.socket) this.lose(code);
    };
  }

  /** @param {object} message */
  say(message) {
    this.socket?.send(JSON.stringify(message));
  }

  /** @param {Message} message */
  take(message) {
    if (message.type === "error") return; // the socket is closed after it
    this.tries = 0;
    this.opened = true;
    this.polling = null;
    this.signedOut = false;
    this.word.restart();
    this.patience.restart();
    this.clock.hear(Date.parse(message.at));
    this.heard(message);
    this.report();
  }

  /**
   * Opens another socket, each time after a longer wait; polls meanwhile where several were lost in turn.
   * @param {number} code
   */
  lose(code) {
    this.socket = null;
    if (code === SIGNED_OUT) return this.leave();
    this.tries += 1;
    const wait = Math.min(MAX_WAIT_MS, 250 * 2 ** this.tries) * (0.5 + Math.random() / 2);
    this.timer = setTimeout(() => this.connect(), wait);
    if (this.tries >= SOCKET_TRIES && !this.polling)
      this.pollOn((this.polling = { answered: false }));
    this.report();
  }

  /** Signed out: nothing more is asked until the page is looked at again; somebody may have signed in on another one. */
  leave() {
    const { socket } = this;
    clearTimeout(this.timer);
    this.socket = this.polling = null;
    this.signedOut = true;
    socket?.close();
    this.report();
  }

  hurry() {
    if (!this.socket) this.connect();
  }

  /** A socket that is open and silent is dead, and so is one that does not open. */
  watch() {
    const { socket } = this;
    const limit = socket?.readyState === WebSocket.OPEN ? SILENCE : OPENING;
    if (socket && this.patience.ms > limit) {
      this.lose(ABNORMAL);
      socket.close();
    }
    this.report();
  }

  /** @param {Run} run */
  async pollOn(run) {
    run.answered = await this.ask().then(
      () => true,
      () => false,
    );
    if (this.polling !== run) return;
    if (run.answered) this.word.restart();
    this.report();
    setTimeout(() => {
      if (this.polling === run) this.pollOn(run);
    }, POLL_EVERY);
  }

  report() {
    const isOpen = this.socket?.readyState === WebSocket.OPEN;
    if (this.signedOut) return this.showConnection("signed-out", {});
    if (this.word.ms > SILENCE + (this.polling ? POLL_EVERY : 0))
      return this.showConnection("stale", { since: this.word.at });
    if (isOpen) return this.showConnection("live", { lag: this.clock.lag });
    if (this.polling?.answered) return this.showConnection("polling", {});
    this.showConnection(this.opened ? "reconnecting" : "connecting", {});
  }
}
