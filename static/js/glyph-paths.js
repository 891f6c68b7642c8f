// The signs of the sprite (static/img/glyphs.svg) for a canvas: the same file that pages use, so that each sign is drawn in one place.

/** @type {Map<string, { path: Path2D, width: number }>} */
const paths = new Map();
const LINE = 2; // of a stroke, on the field of 16
const FIELD = 16;

/**
 * Reads the sprite. Until then cells have their fills only.
 * @param {string} address
 */
export async function loadGlyphs(address) {
  const answer = await fetch(address);
  if (!answer.ok) return;
  const sprite = new DOMParser().parseFromString(await answer.text(), "image/svg+xml");
  for (const symbol of sprite.querySelectorAll("symbol")) {
    const line = symbol.querySelector("path");
    const path = new Path2D(line?.getAttribute("d") ?? "");
    const width = Number(line?.getAttribute("stroke-width") ?? LINE);
    paths.set(symbol.id.replace(/^g-/, ""), { path, width });
  }
}

/**
 * Draws a sign in a square, in the pen's colour.
 * @param {CanvasRenderingContext2D} pen
 * @param {string} name
 * @param {{ x: number, y: number, size: number }} square
 */
export function drawGlyph(pen, name, { x, y, size }) {
  const found = paths.get(name);
  if (!found) return;
  pen.save();
  pen.translate(x, y);
  pen.scale(size / FIELD, size / FIELD);
  pen.lineWidth = found.width;
  pen.lineCap = pen.lineJoin = "round";
  pen.stroke(found.path);
  pen.restore();
}
