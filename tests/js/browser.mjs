// As much of a browser as the feed's client touches: sockets and answers that the stories give, and a clock that they turn.

import { aScaleSet, anInstance } from "./boards.mjs";

export const KEY = "fleet/web";

/** A browser in which `feed.js` runs. `sockets`: all that were opened, the latest last. `snapshots`: what is asked for, to be answered. */
export class Browser {
  constructor() {
    Object.assign(this, {
      wall: Date.parse("2018-09-25T12:00:00Z"),
      ticks: 0,
      timers: [],
      sockets: [],
      asked: [],
      answer: (url) => (url === "/feed/heads" ? this.heads() : this.snapshot(1)),
      listeners: {},
    });
    const browser = this;
    class Socket {
      static OPEN = 1;
      constructor(url) {
        Object.assign(this, { url: new URL(url), readyState: 0, sent: [] });
        browser.sockets.push(this);
      }
      send(text) {
        this.sent.push(JSON.parse(text));
      }
      close() {
        this.readyState = 2;
      }
      open() {
        this.readyState = 1;
        this.onopen?.();
      }
      says(message) {
        this.onmessage({ data: JSON.stringify({ at: browser.time(), ...message }) });
      }
      drops(code = 1006) {
        this.readyState = 3;
        this.onclose({ code });
      }
    }
    Object.defineProperty(globalThis, "performance", {
      configurable: true,
      value: { now: () => this.ticks },
    });
    const globals = {
      WebSocket: Socket,
      location: { href: "http://rollgrid.example/" },
      document: {
        hidden: false,
        body: { dataset: { sets: KEY } },
        addEventListener: (name, does) => {
          this.listeners[name] = does;
        },
      },
      addEventListener: (name, does) => {
        this.listeners[name] = does;
      },
      setTimeout: (does, ms) => this.later(does, ms, null),
      setInterval: (does, ms) => this.later(does, ms, ms),
      clearTimeout: (timer) => {
        this.timers = this.timers.filter((one) => one !== timer);
      },
      fetch: (url) => {
        this.asked.push(url);
        return Promise.resolve(this.answer(url));
      },
    };
    Object.assign(globalThis, globals);
    Date.now = () => this.wall;
    Math.random = () => 1;
  }

  get socket() {
    return this.sockets.at(-1);
  }
  time() {
    return new Date(this.wall).toISOString();
  }

  later(does, ms, every) {
    const timer = { at: this.ticks + ms, does, every };
    this.timers.push(timer);
    return timer;
  }

  /** Time goes by; whatever is due happens, and what waits for an answer gets it. */
  async passes(ms) {
    const end = this.ticks + ms;
    for (;;) {
      await settled();
      const next = this.timers.filter((one) => one.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.turn(next.at);
      this.timers = this.timers.filter((one) => one !== next);
      if (next.every) this.timers.push(Object.assign(next, { at: next.at + next.every }));
      next.does();
    }
    this.turn(end);
    await settled();
  }

  turn(to) {
    this.wall += to - this.ticks;
    this.ticks = to;
  }

  /** What /feed/heads answers: {scale set: "stream.seq"}. */
  heads(heads = { [KEY]: "s.1" }) {
    return { ok: true, status: 200, json: async () => ({ at: this.time(), heads }) };
  }

  snapshot(seq, { stream = "s", instances = 2 } = {}) {
    const list = Array.from({ length: instances }, (_, id) => [String(id), anInstance(id)]);
    return {
      ok: true,
      status: 200,
      json: async () => ({
        stream,
        seq,
        scale_set: aScaleSet(),
        upgrade: null,
        instances: Object.fromEntries(list),
      }),
    };
  }
}

export const refusal = (status) => ({ ok: false, status, json: async () => ({}) });
export const reset = (reason = "new", changes = {}) => ({
  type: "reset",
  set: KEY,
  stream: "s",
  seq: 1,
  reason,
  ...changes,
});
export const beat = (n, head = "s.1") => ({
  type: "heartbeat",
  n,
  heads: head ? { [KEY]: head } : {},
});

async function settled() {
  for (let i = 0; i < 20; i++) await null;
}
