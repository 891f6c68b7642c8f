// How a reason or a decision looks, and what it says in few words: as the feed brings it (docs/feed.md, "Reasons"). Pure.

import { FILLS } from "./faces.js";

const NEUTRAL = { fill: "waiting", glyph: "unknown" };
/** Codes without a face, each warned of once. @type {Set<string | undefined>} */
const warned = new Set();

/**
 * Its fill and glyph. Of a server that says none, or one that this page cannot paint, it is neutral beside its text.
 * @param {{ code?: string, face?: { fill: string, glyph: string } }} reason
 */
export function faceOfReason({ code, face }) {
  if (face && FILLS.includes(face.fill)) return { fill: face.fill, glyph: face.glyph };
  if (!warned.has(code))
    console.warn(`The feed says of "${code}" no face that this page knows: it is painted neutral.`);
  warned.add(code);
  return NEUTRAL;
}

/**
 * In the few words that a row has room for; "" where they would say nothing new there.
 * @param {Pick<Feed.Reason, "text"> & Partial<Pick<Feed.Reason, "brief">>} reason
 */
export const briefly = ({ brief, text }) => (brief === undefined ? text : (brief?.text ?? ""));
