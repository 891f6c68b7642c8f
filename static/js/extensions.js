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
 * The version that it brings; "" where it is of extensions, which have none.
 * @param {Feed.Upgrade} upgrade
 */
export const versionOf = (upgrade) => (isOfExtensions(upgrade) ? "" : upgrade.target.version);
