// What a control that is off says for itself: shown above everything and within the window, whatever the control stands in.

import { $$, find } from "./dom.js";

const AWAY = 4; // pixels between the control and what it says
const EDGE = 8; // pixels to the edge of the window

/** Shown under the mouse, with the focus and after a tap; gone with them, with Escape, and when the page is scrolled. */
export function listenTips() {
  document.addEventListener("pointerover", ({ target }) => showTip(of(target)));
  document.addEventListener("focusin", ({ target }) => showTip(of(target)));
  document.addEventListener("pointerout", ({ target, relatedTarget: to }) =>
    leave(of(target), to, document.activeElement),
  );
  document.addEventListener("focusout", ({ target, relatedTarget: to }) => leave(of(target), to));
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") hideTips();
  });
  document.addEventListener("scroll", hideTips, { capture: true, passive: true });
}

/** @param {EventTarget | null} target */
const of = (target) =>
  target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest(".why-off")) : null;
/** @param {HTMLElement} place */
const tipIn = (place) => find('[role="tooltip"][popover]', place);

/**
 * `place`: the .why-off around the control.
 * @param {HTMLElement | null} place
 */
export function showTip(place) {
  const tip = place && tipIn(place);
  if (!place || !tip?.textContent || tip.matches(":popover-open")) return;
  hideTips();
  tip.showPopover();
  const control = place.getBoundingClientRect(),
    { width, height } = tip.getBoundingClientRect();
  const below = control.bottom + AWAY,
    isRoom = below + height + EDGE <= innerHeight;
  tip.style.left = `${Math.max(EDGE, Math.min(control.right - width, innerWidth - width - EDGE))}px`;
  tip.style.top = `${isRoom ? below : Math.max(EDGE, control.top - AWAY - height)}px`;
}

/**
 * @param {HTMLElement | null} place
 * @param {(EventTarget | null)[]} stays
 */
function leave(place, ...stays) {
  if (place && !stays.some((element) => element instanceof Node && place.contains(element)))
    tipIn(place)?.hidePopover();
}

function hideTips() {
  for (const tip of $$('[role="tooltip"]:popover-open')) tip.hidePopover();
}
