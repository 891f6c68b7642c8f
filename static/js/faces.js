// How each state looks: its word, its fill, its glyph. Which state an instance is in says the board of the feed. Pure.

/** @import { Instance } from "./board.js" */

/**
 * How a state looks.
 * @typedef {{ code: string, word: string, fill: string, glyph: string }} Face
 */

/**
 * In the order of the legend; `fill` is one of the six, `glyph` the code where none is named.
 * @type {Record<string, { word: string, fill: string, glyph?: string }>}
 */
export const STATES = {
  failed: { word: "Failed", fill: "failure" },
  missing: { word: "No machine", fill: "attention", glyph: "close" },
  unhealthy: { word: "Unhealthy", fill: "attention" },
  quarantined: { word: "Quarantined", fill: "attention" },
  "rolling-back": { word: "Rolling back", fill: "attention" },
  "rolled-back": { word: "Rolled back", fill: "attention" },
  unknown: { word: "Unknown", fill: "waiting" },
  creating: { word: "Creating", fill: "active", glyph: "upgrading" },
  upgrading: { word: "Upgrading", fill: "active" },
  verifying: { word: "Verifying", fill: "active" },
  deleting: { word: "Deleting", fill: "active", glyph: "rolling-back" },
  queued: { word: "Queued", fill: "waiting" },
  held: { word: "Held", fill: "waiting" },
  pending: { word: "Pending", fill: "waiting" },
  "switched-off": { word: "Switched off", fill: "waiting" },
  done: { word: "Up to date", fill: "done" },
  "opted-out": { word: "Opted out", fill: "out" },
  unseen: { word: "Not looked at yet", fill: "waiting", glyph: "unknown" },
};

export const FILLS = ["done", "active", "attention", "failure", "waiting", "out"];

/** For sorting: what asks for somebody first. */
export const WORST_FIRST = [
  "failed",
  "missing",
  "quarantined",
  "unhealthy",
  "rolled-back",
  "rolling-back",
  "unknown",
  "held",
  "creating",
  "upgrading",
  "verifying",
  "deleting",
  "queued",
  "pending",
  "unseen",
  "switched-off",
  "opted-out",
  "done",
];

/**
 * The same cells by health instead of progress.
 * @type {Record<string, { word: string, fill: string, glyph: string }>}
 */
export const HEALTH = {
  unhealthy: { word: "Unhealthy", fill: "attention", glyph: "unhealthy" },
  initializing: { word: "Initializing", fill: "active", glyph: "verifying" },
  healthy: { word: "Healthy", fill: "done", glyph: "done" },
  unknown: { word: "Unknown", fill: "waiting", glyph: "unknown" },
};

/**
 * How a cell looks under the viewer's choice of colours.
 * @param {Pick<Instance, "health" | "state">} instance
 * @param {string} by "state" or "health"
 */
export const faceOf = ({ health, state }, by = "state") =>
  by === "health" ? faceIn(HEALTH, health) : faceIn(STATES, state);

/**
 * @param {Record<string, { word: string, fill: string, glyph?: string }>} faces
 * @param {string} code
 * @returns {Face}
 */
function faceIn(faces, code) {
  const { word, fill, glyph = code } = faces[code];
  return { code, word, fill, glyph };
}
