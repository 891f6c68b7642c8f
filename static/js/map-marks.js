// What is drawn in the cells of a canvas beside their fill: signs, numbers, hatching; and names that have little room.

import { drawGlyph } from "./glyph-paths.js";

/** @typedef {{ x: number, y: number, side: number }} Square */

/**
 * @param {number} weight
 * @param {number} size in device pixels
 * @param {string} family
 */
export const fontOf = (weight, size, family) => [weight, `${size}px`, family].join(" ");

/**
 * The sign of a state: in the middle, or higher where a label stands under it.
 * @param {CanvasRenderingContext2D} pen
 * @param {string} glyph
 * @param {Square & { isHigh: boolean }} square
 */
export function drawSign(pen, glyph, { x, y, side, isHigh }) {
  const size = side * (isHigh ? 0.44 : 0.6),
    left = (side - size) / 2;
  drawGlyph(pen, glyph, { x: x + left, y: y + (isHigh ? side * 0.13 : left), size });
}

/**
 * The number of an instance, at the foot of its cell.
 * @param {CanvasRenderingContext2D} pen
 * @param {string} text
 * @param {Square & { font: string }} square
 */
export function drawLabel(pen, text, { x, y, side, font }) {
  pen.font = fontOf(600, Math.round(side * 0.26), font);
  pen.textAlign = "center";
  pen.textBaseline = "alphabetic";
  pen.fillText(text, x + side / 2, y + side * 0.86, side * 0.8);
}

/**
 * Nobody knows: lines through it, in the pen's colour.
 * @param {CanvasRenderingContext2D} pen
 * @param {Square} square
 */
export function hatch(pen, { x, y, side }) {
  const apart = Math.max(3, side / 4);
  pen.save();
  pen.beginPath();
  pen.rect(x, y, side, side);
  pen.clip();
  pen.lineWidth = Math.max(1, apart / 3);
  pen.beginPath();
  for (let at = -side; at < side; at += apart) {
    pen.moveTo(x + at, y + side);
    pen.lineTo(x + at + side, y);
  }
  pen.stroke();
  pen.restore();
}

/**
 * A name as far as it has room; "" where hardly anything has.
 * @param {CanvasRenderingContext2D} pen
 * @param {string} name
 * @param {number} room
 */
export function shortened(pen, name, room) {
  if (pen.measureText(name).width <= room) return name;
  for (let letters = name.length - 1; letters > 2; letters -= 1) {
    const text = `${name.slice(0, letters)}…`;
    if (pen.measureText(text).width <= room) return text;
  }
  return "";
}
