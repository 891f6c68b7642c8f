// Where the feed's socket is opened: for which scale sets, and from where on in each.

import { under } from "./base.js";
import { isReady } from "./board.js";

/** @import { Board, EmptyBoard } from "./board.js" */

const MAX_URL_LENGTH = 6000; // longer than this the places are left out: resets say what to fetch

/**
 * @param {string[] | null} sets their keys; null for all
 * @param {Iterable<Board | EmptyBoard>} boards those that are here, which are resumed
 * @param {string} [token] of a wallboard link; "" where a cookie says who asks
 */
export function feedAddress(sets, boards, token = "") {
  const url = new URL(under("ws/feed/"), location.href);
  url.protocol = url.protocol.replace("http", "ws");
  if (token) url.searchParams.set("token", token);
  if (sets) url.searchParams.set("sets", sets.join());
  const since = [...boards]
    .filter(isReady)
    .map(({ key, stream, seq }) => `${key}:${stream}.${seq}`)
    .join();
  if (since.length < MAX_URL_LENGTH) url.searchParams.set("since", since);
  return url;
}

/**
 * "feed/snapshot?set=rg/name" with what is asked, on this server.
 * @param {string} path
 * @param {Record<string, string>} query what is "" is left out
 */
export function underWith(path, query) {
  const given = Object.entries(query).filter(([, value]) => value);
  const words = given.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&");
  return words ? `${under(path)}?${words}` : under(path);
}
