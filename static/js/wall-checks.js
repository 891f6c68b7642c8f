// What a wall asks beside its feed, seldom: does the engine work, is there a new build of this page?

import { under } from "./base.js";

const ENGINE_EVERY = 5000; // ms
const BUILD_EVERY = 60_000;
const TIMEOUT_MS = 4000;
const AWAY = 503; // what /healthz/engine answers
const BUILD = "X-Rollgrid-Build";

/** @param {number} ms */
const about = (ms) => ms * (0.75 + Math.random() / 2); // so that many walls do not ask at once

/**
 * Calls `hear` with whether the engine is away. Where nobody answers, or something else does, nothing is known of it.
 * @param {(isAway: boolean) => void} hear
 */
export async function watchEngine(hear) {
  const options = {
    signal: AbortSignal.timeout(TIMEOUT_MS),
    cache: /** @type {const} */ ("no-store"),
  };
  const answer = await fetch(under("healthz/engine"), options).catch(() => null);
  if (answer) hear(answer.status === AWAY);
  setTimeout(() => watchEngine(hear), about(ENGINE_EVERY));
}

/**
 * The build that the server has of this page; null where it does not answer with one.
 * @returns {Promise<string | null>}
 */
async function buildNow() {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const answer = await fetch(location.href, { method: "HEAD", cache: "no-store", signal });
  return answer.ok ? answer.headers.get(BUILD) : null;
}

/**
 * Loads the page anew where the server has another build of it, or where `wants()` says that this one cannot go on. Only when the server
 * has just answered with the page: a wall never ends on an error page.
 * @param {string} build
 * @param {() => boolean} wants
 */
export function watchBuild(build, wants) {
  setTimeout(async () => {
    const now = await buildNow().catch(() => null);
    if (now !== null && (now !== build || wants())) location.reload();
    else watchBuild(build, wants);
  }, about(BUILD_EVERY));
}
