// What screen readers are told without being asked.

import { $ } from "./dom.js";

let lastSaid = -Infinity;
/**
 * One polite sentence at most every ten seconds; `urgent` (a stop, a limit passed) at once.
 * @param {string} sentence
 */
export function say(sentence, { urgent = false } = {}) {
  const place = $(urgent ? "#alerts" : "#says");
  if (place.textContent === sentence || (!urgent && performance.now() - lastSaid < 10000)) return;
  lastSaid = performance.now();
  place.textContent = sentence;
}
