// A page without a browser: the DOM is jsdom's, which lays nothing out; where things are on the screen the stories say.

import { JSDOM } from "jsdom";

const NAMES = [
  "document",
  "location",
  "history",
  "localStorage",
  "Node",
  "Element",
  "HTMLElement",
  "HTMLInputElement",
  "SVGElement",
  "Event",
  "CustomEvent",
  "MouseEvent",
  "KeyboardEvent",
  "FormData",
  "MutationObserver",
  "NodeFilter",
  "getComputedStyle",
];

/** Makes this the page, at this address, for modules that are imported from now on. */
export function openPage(body = "", address = "http://rollgrid.example/scale-sets/fleet/web/") {
  const { window } = new JSDOM(`<!doctype html><html><body>${body}</body></html>`, {
    url: address,
    pretendToBeVisual: true,
  });
  for (const name of NAMES)
    Object.defineProperty(globalThis, name, { configurable: true, value: window[name] });
  Object.assign(globalThis, {
    window,
    addEventListener: window.addEventListener.bind(window),
    dispatchEvent: window.dispatchEvent.bind(window),
    requestAnimationFrame: (paint) => setTimeout(() => paint(performance.now()), 0),
    matchMedia: () => ({ matches: false, addEventListener() {} }),
    innerWidth: 1280,
    innerHeight: 800,
    scrollY: 0,
    CSS: { escape: (text) => text },
  });
  return window.document;
}

/** A key, or a click, as a person does it; true where nothing held its default back. */
export const press = (element, key, how = {}) =>
  element.dispatchEvent(
    new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...how }),
  );
export const click = (element, how = {}) =>
  element.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ...how }));
