// The feed's connection: a socket that is opened again whenever it is lost, and polling where sockets do not get through.

import { ServerClock, Stopwatch } from "./clock.js";

const SILENCE = 5000; // ms without a word from the server: the board is stale
const OPENING = 10000; // ms for a socket to open
const MAX_WAIT_MS = 10000;
const POLL_EVERY = 3000;
const SOCKET_TRIES = 3; // before polling
const SIGNED_OUT = 4401;

export class Link {
  /**
   * address(): where the socket is opened; take(message): what it said; poll(): asks over HTTP, throws where that fails;
   * standing(kind, {lag, since}): kind is "connecting", "live", "reconnecting", "stale", "polling" or "signed-out".
   */
  constructor({ address, take, poll, standing }) {
    this.address = address;
    this.heard = take;
    this.ask = poll;
    this.standing = standing;
    this.tries = 0;
    this.opened = false;
    this.polling = null;
    this.signedOut = false;
    this.clock = new ServerClock();
    this.word = new Stopwatch(); // since the last word
    this.patience = new Stopwatch(); // since this socket had to say something
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
    socket.onmessage = (event) => {
      if (socket === this.socket) this.take(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.lost(event.code);
    };
  }

  say(message) {
    this.socket?.send(JSON.stringify(message));
  }

  take(message) {
    if (message.type === "error") return; // the socket is closed after it
    Object.assign(this, { tries: 0, opened: true, polling: null, signedOut: false });
    this.word.restart();
    this.patience.restart();
    this.clock.hear(Date.parse(message.at));
    this.heard(message);
    this.report();
  }

  lost(code) {
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
    Object.assign(this, { socket: null, polling: null, signedOut: true });
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
      this.lost(1006);
      socket.close();
    }
    this.report();
  }

  /** `run` is this run of polling: a word on the socket ends it. */
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
    if (this.signedOut) return this.standing("signed-out", {});
    if (this.word.ms > SILENCE + (this.polling ? POLL_EVERY : 0))
      return this.standing("stale", { since: this.word.at });
    if (isOpen) return this.standing("live", { lag: this.clock.lag });
    if (this.polling?.answered) return this.standing("polling", {});
    this.standing(this.opened ? "reconnecting" : "connecting", {});
  }
}
