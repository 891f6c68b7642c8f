// Which keys are the scale set page's own. What they do is in keys.js, which is loaded later.

export const MOVE_KEYS = new Set([
  "ArrowRight",
  "ArrowLeft",
  "ArrowDown",
  "ArrowUp",
  "Home",
  "End",
  "PageUp",
  "PageDown",
]);
const OF_INSTANCE = new Set(["Enter", " ", "o", "a"]);
const OF_PAGE = new Set(["t", "/", "?"]);
const KEPT = "rollgrid-keys"; // "grid": those of the page act only on an instance

/** Keys of one letter can be turned off: then they act only where the focus is on an instance (WCAG 2.1.4). */
export const areEverywhere = () => localStorage.getItem(KEPT) !== "grid";

/** @param {HTMLElement} box */
export const keepKeys = (box) =>
  localStorage.setItem(KEPT, /** @type {HTMLInputElement} */ (box).checked ? "page" : "grid");

/**
 * Whether a key that was pressed there is for the page, and not for the browser, a dialog or a field.
 * @param {KeyboardEvent} event
 */
export function isOwnKey({ key, target, ctrlKey, metaKey, altKey }) {
  const where = /** @type {HTMLElement} */ (target);
  if (ctrlKey || metaKey || altKey || where.closest("dialog")) return false;
  if (key === "Escape") return true;
  if (where.closest('input:not([type="radio"]), textarea, select')) return false;
  if (OF_PAGE.has(key)) return areEverywhere() || Boolean(where.closest("#grid, #table"));
  const isOfGrid = MOVE_KEYS.has(key) || OF_INSTANCE.has(key) || /^\d$/.test(key);
  return isOfGrid && Boolean(where.closest("#grid"));
}
