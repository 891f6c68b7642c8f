// How many instances run each version of each SKU: counted of the boards, painted into the catalogue.

import { $, $$, write } from "./dom.js";
import { number } from "./format.js";

/** @import { Board } from "./board.js" */

/**
 * What the images page knows of a scale set. `versions`: how many instances run each; `withdrawn`: as text, to be compared.
 * @typedef {{ sku: string, latest: string | null, versions: Record<string, number>, withdrawn: string }} SetImage
 */

/**
 * @param {Board} board
 * @returns {SetImage}
 */
export function imageOf({ scale_set: { image, latest_version, withdrawn }, instances }) {
  /** @type {Record<string, number>} */
  const versions = {};
  for (const { version } of instances) versions[version] = (versions[version] ?? 0) + 1;
  const sku = `${image.publisher}:${image.offer}:${image.sku}`.toLowerCase();
  return { sku, latest: latest_version, versions, withdrawn: JSON.stringify(withdrawn) };
}

/**
 * {version: how many run it} of each SKU.
 * @param {Iterable<SetImage>} images
 */
export function countsBySku(images) {
  /** @type {Map<string, Record<string, number>>} */
  const all = new Map();
  for (const { sku, versions } of images) {
    const sum = all.get(sku) ?? {};
    all.set(sku, sum);
    for (const [version, n] of Object.entries(versions)) sum[version] = (sum[version] ?? 0) + n;
  }
  return all;
}

/**
 * `counts` is null until every scale set has said its own: the server's stand till then.
 * @param {HTMLElement} section
 * @param {Record<string, number> | null} counts
 */
export function paintSku(section, counts) {
  const rows = $$("tr", section).filter((row) => row.querySelector("td.runs"));
  const cells = rows.map((row) => $("td.runs", row));
  if (counts)
    cells.forEach((cell, i) => {
      cell.dataset.count = String(counts[rows[i].dataset.version ?? ""] ?? 0);
    });
  const total = cells.reduce((sum, cell) => sum + countIn(cell), 0);
  for (const cell of cells) {
    write($("b", cell), number(countIn(cell)));
    $("i", cell).style.setProperty("--share", `${total ? (100 * countIn(cell)) / total : 0}%`);
  }
  write($(".total", section), number(total));
}

/** @param {HTMLElement} cell */
const countIn = (cell) => Number(cell.dataset.count);
