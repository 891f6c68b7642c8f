// Upgrades that wait for people's approval, as the board of the feed tells of them. Pure.

import { idsIn } from "./ranges.js";

/** @import { Board, Instance } from "./board.js" */

/**
 * The version that is to be approved; "" where none is.
 * @param {Pick<Board, "figures">} board
 */
export const awaitedOf = ({ figures }) => figures.approval?.version ?? "";

/**
 * The ids of those that wait for approval, and for nothing else of their own.
 * @param {Board} board
 */
export const unapproved = ({ figures, places }) =>
  idsIn(figures.approval?.waiting ?? "").filter((id) => places.has(id));

/**
 * Has it been approved, and no batch has it in hand? Then that can be taken back.
 * @param {Instance} instance
 */
export const isApprovedAhead = (instance) => instance.approval === "approved";
