// A program that keeps a copy with clients/js: node feed_copy.mjs SITE TOKEN. One line for each change, as `python -m rollgrid_feed` prints it.

import { JSDOM } from "jsdom";

const [site, token] = process.argv.slice(2);
const { window } = new JSDOM("", { url: site });
// Node 18 lacks them.
globalThis.WebSocket ??= window.WebSocket;
globalThis.CustomEvent ??= class extends Event {
  constructor(name, { detail }) {
    super(name);
    this.detail = detail;
  }
};
const { FeedCopy, numbers } = await import("../../clients/js/rollgrid-feed.js");

function line({ kind, set }, state) {
  if (!state?.board) return `${set ?? "feed"} ${kind}`;
  const { counts, states } = state.board;
  const others = Object.entries(states)
    .filter(([name]) => name !== "done")
    .map(([name, ranges]) => `${name} ${numbers(ranges).length}`);
  const words = [`${counts.up_to_date} of ${counts.eligible} up to date`, ...others];
  return `${set} ${kind}: ${words.join(", ")}`;
}

const copy = new FeedCopy(site, { token });
copy.addEventListener("change", ({ detail }) =>
  console.log(line(detail, copy.sets.get(detail.set))),
);
