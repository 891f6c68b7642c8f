// Versions in words. Pure.

import { t } from "./catalogue.js";

/** @import { Figures } from "./board.js" */

/**
 * "16.04.1 and 1 more → 16.04.2": what those behind run, the commonest first, and what is wanted. Extensions have no version.
 * @param {Pick<Figures, "behind" | "target">} figures
 * @param {string | null} wanted
 */
export function versionsIn({ behind, target: now }, wanted) {
  const target = now || wanted;
  if (!behind.length) return target || t("summary.none_published");
  const [[version]] = behind;
  return t("summary.versions", { version, others: behind.length - 1, target });
}
