// Upgrades of the extensions: how they are spoken of. Pure.

/** @import { Board } from "./board.js" */

/** @param {Feed.Upgrade} upgrade */
export const isOfExtensions = (upgrade) => upgrade.kind === "extensions";

/**
 * Does such an upgrade run?
 * @param {Pick<Board, "upgrade">} board
 */
export const runsExtensions = ({ upgrade }) =>
  upgrade !== null && isOfExtensions(upgrade) && !upgrade.ended_at;

/**
 * In words, after "upgrade": what it brings.
 * @param {Feed.Upgrade} upgrade
 */
export const aim = (upgrade) =>
  isOfExtensions(upgrade) ? "of extensions" : `to ${upgrade.target.version}`;
