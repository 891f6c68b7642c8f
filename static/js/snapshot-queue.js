// The snapshots to fetch: a few at a time, and again where one fails.

const MAX_AT_ONCE = 4;
const RETRY_MS = 1000;

export class SnapshotQueue {
  /** @type {string[]} */
  keys = [];
  fetching = 0;

  /**
   * `fetch` fetches one, and throws where that fails; `isWanted`: is it still to be fetched?
   * @param {{ fetch: (key: string) => Promise<void>, isWanted: (key: string) => boolean }} wanted
   */
  constructor({ fetch, isWanted }) {
    this.fetch = fetch;
    this.isWanted = isWanted;
  }

  /** @param {string} key */
  add(key) {
    this.keys.push(key);
    this.next();
  }

  clear() {
    this.keys = [];
  }

  next() {
    while (this.fetching < MAX_AT_ONCE && this.keys.length) {
      const [key] = this.keys.splice(0, 1);
      this.fetching += 1;
      this.fetch(key)
        .catch(() => this.addLater(key))
        .finally(() => {
          this.fetching -= 1;
          this.next();
        });
    }
  }

  /** @param {string} key */
  addLater(key) {
    setTimeout(() => {
      if (this.isWanted(key)) this.add(key);
    }, RETRY_MS);
  }
}
