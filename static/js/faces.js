// How each state looks: its word, its fill, its glyph. Which state an instance is in says the board of the feed. Pure.

import { t } from "./catalogue.js";

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
  failed: { word: t("state.failed"), fill: "failure" },
  missing: { word: t("state.missing"), fill: "attention", glyph: "close" },
  unhealthy: { word: t("state.unhealthy"), fill: "attention" },
  quarantined: { word: t("state.quarantined"), fill: "attention" },
  "rolling-back": { word: t("state.rolling-back"), fill: "attention" },
  "rolled-back": { word: t("state.rolled-back"), fill: "attention" },
  unknown: { word: t("state.unknown"), fill: "waiting" },
  creating: { word: t("state.creating"), fill: "active", glyph: "upgrading" },
  upgrading: { word: t("state.upgrading"), fill: "active" },
  verifying: { word: t("state.verifying"), fill: "active" },
  deleting: { word: t("state.deleting"), fill: "active", glyph: "rolling-back" },
  queued: { word: t("state.queued"), fill: "waiting" },
  held: { word: t("state.held"), fill: "waiting" },
  pending: { word: t("state.pending"), fill: "waiting" },
  "switched-off": { word: t("state.switched-off"), fill: "waiting" },
  done: { word: t("state.done"), fill: "done" },
  "opted-out": { word: t("state.opted-out"), fill: "out" },
  unseen: { word: t("state.unseen"), fill: "waiting", glyph: "unknown" },
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
  unhealthy: { word: t("health.unhealthy"), fill: "attention", glyph: "unhealthy" },
  initializing: { word: t("health.initializing"), fill: "active", glyph: "verifying" },
  healthy: { word: t("health.healthy"), fill: "done", glyph: "done" },
  unknown: { word: t("health.unknown"), fill: "waiting", glyph: "unknown" },
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
