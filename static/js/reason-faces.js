// How a reason or a decision looks, and what it says in few words: as the feed brings it (docs/feed.md, "Reasons"). Pure.

import { FILLS } from "./faces.js";

const NEUTRAL = { fill: "waiting", glyph: "unknown" };
const told = new Set(); // codes without a face, each said once

/** Its fill and glyph. Of a server that says none, or one that this page cannot paint, it is neutral beside its text. */
export function faceOfReason({ code, face }) {
  if (face && FILLS.includes(face.fill)) return { fill: face.fill, glyph: face.glyph };
  if (!told.has(code))
    console.warn(`The feed says of "${code}" no face that this page knows: it is painted neutral.`);
  told.add(code);
  return NEUTRAL;
}

/** In the few words that a row has room for; "" where they would say nothing new there. */
export const briefly = ({ brief, text }) => (brief === undefined ? text : (brief?.text ?? ""));
