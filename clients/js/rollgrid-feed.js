// Keeps a faithful copy of what a Rollgrid shows, by its live feed (docs/feed.md). No build step, no dependencies.
//
//   const copy = new FeedCopy("https://rollgrid.example.com", { token });
//   copy.addEventListener("change", ({ detail }) => console.log(detail.kind, detail.set, copy.sets.get(detail.set)));

const STALE_MS = 5000; // without a heartbeat
const OPENING_MS = 10000; // for a socket to open, with its first heartbeat
const MAX_WAIT_MS = 10000; // before the next try to connect
const RETRY_MS = 1000;
const ANSWER_MS = 15000;
const MAX_AT_ONCE = 4; // snapshots
const MAX_QUERY = 6000; // longer than this, positions are left out: resets say what to fetch
const ENDED = [4400, 4401]; // close codes that trying again would not change
const REFUSALS = new Map([
  [401, "the token opens nothing: it is mistyped, or the link was revoked or has a new token"],
  [403, "the link does not name the origin of this page"],
]);

/**
 * What /feed/snapshot answers.
 * @typedef {Feed.Snapshot} State
 *
 * `kind`: "snapshot", "delta" or "gone" of a scale set; "live", "stale" or "refused" of the feed. `reason`: of the reset that a snapshot
 * answers; why it is refused.
 * @typedef {{ kind: string, set?: string, instances?: string[], reason?: string }} Change
 */

/**
 * May this delta be applied? If not, and it is not an old one, something was missed.
 * @param {{ stream: string, seq: number }} state
 * @param {Feed.Delta} delta
 */
export const follows = (state, delta) =>
  delta.stream === state.stream && delta.since <= state.seq && state.seq < delta.seq;

/**
 * The state after a delta that follows: whole resources, replaced by id. The one before is left as it was.
 * @param {State} state
 * @param {Feed.Delta} delta
 * @returns {State}
 */
export function applied(state, delta) {
  const instances = { ...state.instances };
  for (const id of delta.removed ?? []) delete instances[id];
  for (const instance of delta.instances ?? []) instances[instance.id] = instance;
  const { seq, scale_set = state.scale_set, upgrade = state.upgrade, board = state.board } = delta;
  return { ...state, seq, scale_set, upgrade, board, instances };
}

/**
 * The numbers in a text of the board such as "0-3,7".
 * @param {string} ranges
 */
export function numbers(ranges) {
  return ranges.split(",").flatMap((range) => {
    if (!range) return [];
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, n) => first + n);
  });
}

/** @param {{ stream: string, seq: number } | undefined} state */
const position = (state) => (state ? `${state.stream}.${state.seq}` : "");

/** `sets` is never cleared: while there is no connection it has what was last known, and `isStale` says so. */
export class FeedCopy extends EventTarget {
  /** By "rg/name". @type {Map<string, State>} */
  sets = new Map();
  isStale = true;
  isClosed = false;
  tries = 0;
  /** Deltas that came while a snapshot is fetched. @type {Map<string, Feed.Delta[]>} */
  waiting = new Map();
  /** Where a set was when a heartbeat was ahead of it. @type {Map<string, string>} */
  behind = new Map();
  /** @type {string[]} */
  queue = [];
  fetching = 0;
  error = "";
  /** @type {WebSocket | undefined} */
  socket = undefined;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  patience = undefined;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  staleness = undefined;
  /** Of the resets that snapshots answer. @type {Map<string, string>} */
  reasons = new Map();

  /**
   * `only`: the scale sets to follow; absent: all that the token shows.
   * @param {string} site
   * @param {{ token: string, only?: string[] }} wanted
   */
  constructor(site, { token, only = [] }) {
    super();
    this.site = site.replace(/\/+$/, "");
    this.token = token;
    this.only = only;
    this.connect();
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.patience);
    clearTimeout(this.staleness);
    this.queue = [];
    this.waiting.clear();
    this.socket?.close();
    this.socket = undefined;
  }

  // --- the connection ---

  connect() {
    if (this.isClosed) return;
    const socket = (this.socket = new WebSocket(this.address()));
    this.wait(OPENING_MS);
    socket.onmessage = ({ data }) => {
      if (socket === this.socket) this.take(JSON.parse(data));
    };
    socket.onclose = ({ code }) => {
      if (socket === this.socket) this.lose(code);
    };
  }

  address() {
    const url = new URL(`${this.site}/ws/feed/`.replace(/^http/, "ws"));
    const since = [...this.sets].map(([key, state]) => `${key}:${position(state)}`).join();
    url.searchParams.set("token", this.token);
    if (this.only.length) url.searchParams.set("sets", this.only.join());
    if (since && since.length < MAX_QUERY) url.searchParams.set("since", since);
    return url;
  }

  /** A socket that says nothing is dead. @param {number} ms */
  wait(ms) {
    clearTimeout(this.patience);
    this.patience = setTimeout(() => {
      const { socket } = this;
      if (socket) this.lose(0);
      socket?.close();
    }, ms);
  }

  /** @param {number} code */
  async lose(code) {
    this.socket = undefined;
    if (ENDED.includes(code)) return this.refuse(this.error || `close code ${code}`);
    this.tries += 1;
    if (this.isStale) await this.ask();
    const wait = Math.min(MAX_WAIT_MS, 250 * 2 ** this.tries) * (0.5 + Math.random() / 2);
    setTimeout(() => this.connect(), wait);
  }

  /** A browser does not tell why a socket could not be opened; an answer over HTTP does, to any page. */
  async ask() {
    const options = { signal: AbortSignal.timeout(ANSWER_MS), method: "HEAD" };
    const address = `${this.site}/feed/heads?token=${encodeURIComponent(this.token)}`;
    const why = REFUSALS.get(
      await fetch(address, options).then(
        ({ status }) => status,
        () => 0,
      ),
    );
    if (why) this.refuse(why);
  }

  /** @param {string} reason */
  refuse(reason) {
    if (this.isClosed) return;
    this.close();
    this.stand(true);
    this.tell({ kind: "refused", reason });
  }

  // --- messages ---

  /** Types of messages that are not known are left out. @param {Feed.Message} message */
  take(message) {
    if (message.type === "heartbeat") this.beat(message);
    else if (message.type === "delta") this.delta(message);
    else if (message.type === "reset" && message.reason === "gone") this.forget(message.set);
    else if (message.type === "reset") this.reset(message);
    else if (message.type === "error") this.error = `${message.code}: ${message.message}`;
  }

  /** Behind in two heartbeats, and where it was: something was missed. Not named at all: it may be gone. @param {Feed.Heartbeat} message */
  beat({ n, heads }) {
    this.socket?.send(JSON.stringify({ ack: n }));
    this.tries = 0;
    this.wait(STALE_MS);
    clearTimeout(this.staleness);
    this.staleness = setTimeout(() => this.stand(true), STALE_MS);
    this.stand(false);
    for (const key of new Set([...Object.keys(heads), ...this.sets.keys()])) {
      const here = position(this.sets.get(key));
      if (this.waiting.has(key)) continue;
      if (heads[key] === here) this.behind.delete(key);
      else if (this.behind.get(key) === here) this.fetch(key, "missed");
      else this.behind.set(key, here);
    }
  }

  /** @param {boolean} isStale */
  stand(isStale) {
    if (this.isStale === isStale) return;
    this.isStale = isStale;
    this.tell({ kind: isStale ? "stale" : "live" });
  }

  /** @param {Feed.Delta} delta */
  delta(delta) {
    const { set } = delta;
    const state = this.sets.get(set);
    const kept = this.waiting.get(set);
    if (kept) kept.push(delta);
    else if (state && follows(state, delta)) {
      this.sets.set(set, applied(state, delta));
      const changed = (delta.instances ?? []).map(({ id }) => id);
      this.tell({ kind: "delta", set, instances: [...changed, ...(delta.removed ?? [])] });
    } else if (!state || state.stream !== delta.stream || state.seq < delta.seq)
      this.fetch(set, "missed");
  }

  /** A reset to where we are happens if positions were left out of the address. @param {Feed.Reset} reset */
  reset(reset) {
    if (position(this.sets.get(reset.set)) !== position(reset)) this.fetch(reset.set, reset.reason);
  }

  /** @param {string} set */
  forget(set) {
    this.waiting.delete(set);
    this.behind.delete(set);
    if (this.sets.delete(set)) this.tell({ kind: "gone", set });
  }

  /** @param {Change} detail */
  tell(detail) {
    this.dispatchEvent(new CustomEvent("change", { detail }));
  }

  // --- snapshots ---

  /**
   * @param {string} set
   * @param {string} reason
   */
  fetch(set, reason) {
    if (this.waiting.has(set)) return;
    this.waiting.set(set, []);
    this.queue.push(set);
    this.reasons.set(set, reason);
    this.next();
  }

  next() {
    while (this.fetching < MAX_AT_ONCE && this.queue.length) {
      const [set] = this.queue.splice(0, 1);
      this.fetching += 1;
      this.snapshot(set)
        .catch(() => setTimeout(() => this.again(set), RETRY_MS * (0.5 + Math.random())))
        .finally(() => {
          this.fetching -= 1;
          this.next();
        });
    }
  }

  /** @param {string} set */
  again(set) {
    if (this.waiting.has(set)) this.queue.push(set);
    this.next();
  }

  /** Throws where nobody answers. @param {string} set */
  async snapshot(set) {
    if (!this.waiting.has(set)) return;
    /** @type {Feed.Delta[]} */
    const kept = []; // the snapshot that is asked for now is not older than those before
    this.waiting.set(set, kept);
    const query = new URLSearchParams({ set, token: this.token });
    const signal = AbortSignal.timeout(ANSWER_MS);
    const answer = await fetch(`${this.site}/feed/snapshot?${query}`, { signal });
    if (!answer.ok && answer.status !== 404) throw new Error(`${set}: ${answer.status}`);
    const state = answer.ok ? await answer.json() : null;
    if (this.waiting.get(set) !== kept) return; // forgotten meanwhile
    if (!state) return this.forget(set);
    this.waiting.delete(set);
    this.behind.delete(set);
    this.sets.set(set, state);
    this.tell({ kind: "snapshot", set, reason: this.reasons.get(set) });
    for (const delta of kept) this.delta(delta);
  }
}
