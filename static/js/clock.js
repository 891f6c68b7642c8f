// Time as the feed's client needs it: how long ago by two clocks, and what the server's own clock says.

/** How long ago something was. Two clocks: one of them stands still while a laptop sleeps, the other can be set. */
export class Stopwatch {
  at = Date.now();
  ticks = performance.now();

  restart() {
    this.at = Date.now();
    this.ticks = performance.now();
  }

  get ms() {
    return Math.max(Date.now() - this.at, performance.now() - this.ticks);
  }
}

const CREEP = 1; // ms for each word: two clocks drift apart, by a few ms a minute
const SET_ANEW = 1000; // ms

/** The server's clock, learned of what it says: the quickest message is the truest. */
export class ServerClock {
  behind = Infinity; // how far the server's clock is behind ours
  lag = 0;
  offset = Date.now() - performance.now();

  forget() {
    this.behind = Infinity;
    this.lag = 0;
    this.offset = Date.now() - performance.now();
  }

  /**
   * The server wrote `at` (ms by its clock) on what came just now.
   * @param {number} at
   */
  hear(at) {
    if (Math.abs(Date.now() - performance.now() - this.offset) > SET_ANEW) this.forget(); // our clock was set, or slept
    const behind = Date.now() - at;
    this.behind = Math.min(this.behind + CREEP, behind);
    this.lag = behind - this.behind;
  }

  now() {
    return Date.now() - (Number.isFinite(this.behind) ? this.behind : 0);
  }
}
