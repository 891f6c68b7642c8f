// <rollgrid-grid src="https://rollgrid.example.com" token="..."></rollgrid-grid>: a live grid of what a wallboard link shows, on any page.

import { FeedCopy, numbers } from "./rollgrid-feed.js";

/** @import { Change, State } from "./rollgrid-feed.js" */

/** @type {Record<string, string>} */
const FILLS = {
  failed: "failure",
  missing: "attention",
  unhealthy: "attention",
  quarantined: "attention",
  "rolling-back": "attention",
  "rolled-back": "attention",
  creating: "active",
  deleting: "active",
  upgrading: "active",
  verifying: "active",
  done: "done",
  "opted-out": "out",
};

/** Colours, sizes and fonts are the embedding page's to choose, by custom properties. */
const STYLE = `
:host { display: block; font: var(--rollgrid-font, 14px/1.4 system-ui, sans-serif); color: var(--rollgrid-text, CanvasText);
  background: var(--rollgrid-background, Canvas); padding: var(--rollgrid-padding, 12px); }
:host([hidden]) { display: none; }
h3 { font: inherit; font-weight: 600; margin: 0; }
p { margin: 0 0 6px; }
section { margin-bottom: 12px; }
.standing { font-weight: 600; margin: 0; }
.cells:not([hidden]) { display: flex; flex-wrap: wrap; gap: var(--rollgrid-gap, 2px); }
.cells i { box-sizing: border-box; width: var(--rollgrid-cell, 12px); height: var(--rollgrid-cell, 12px);
  background: var(--rollgrid-waiting, #9aa3ad); forced-color-adjust: none; }
.cells i[data-fill=done] { background: var(--rollgrid-done, #2e9e6b); }
.cells i[data-fill=active] { background: var(--rollgrid-active, #3b82d6); border-radius: 50%; }
.cells i[data-fill=attention] { background: var(--rollgrid-attention, #d97706); border: 2px solid currentColor; }
.cells i[data-fill=failure] { background: var(--rollgrid-failure, #c62828); border: 3px double currentColor; }
.cells i[data-fill=out] { background: none; border: 2px solid var(--rollgrid-out, #9aa3ad); }
.stale section { opacity: 0.45; filter: grayscale(1); }`;

/**
 * How each instance looks, by its number. A state that is not known looks as waiting does.
 * @param {State} state
 * @returns {Map<number, string>}
 */
export function statesOf({ board }) {
  const states = Object.entries(board?.states ?? {});
  return new Map(
    states.flatMap(([name, ranges]) => numbers(ranges ?? "").map((number) => [number, name])),
  );
}

/** As 2026-11-30 12:05 CET, in the zone of whoever looks. @type {Intl.DateTimeFormatOptions} */
const MOMENT = {
  ...{ year: "numeric", month: "2-digit", day: "2-digit" },
  ...{ hour: "2-digit", minute: "2-digit", timeZoneName: "short" },
};

/**
 * A sentence of the feed, with its times in the zone of whoever looks.
 * @param {{ text?: string, template?: string, params?: Feed.Params }} sentence
 */
export function told({ text = "", template, params = {} }) {
  if (template === undefined) return text;
  return template.replace(/\{\{|\}\}|\{(\w+)\}/g, (found, name) => {
    if (!name) return found[0];
    if (!Object.hasOwn(params, name)) return found;
    return new Date(String(params[name].value)).toLocaleString("sv-SE", MOMENT);
  });
}

/** @param {State} state */
export function sentenceOf(state) {
  const { board, scale_set } = state;
  if (!board) return "Nothing is known of its instances yet.";
  const says = told(scale_set.decision);
  if (!Object.keys(board.states).length) return `No instances. ${says}`.trim();
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const name of statesOf(state).values()) counts.set(name, (counts.get(name) ?? 0) + 1);
  counts.delete("done");
  const others = [...counts].map(([name, count]) => `${count} ${name}`);
  const { up_to_date, eligible } = board.counts;
  const words = [`${up_to_date} of ${eligible} up to date`, ...others].join(", ");
  return `${words}. ${says}`.trim();
}

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 */
function make(name, attributes = {}) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes))
    element.setAttribute(attribute, value);
  return element;
}

/** One scale set: its name, its sentence, a cell for each instance. */
class Panel {
  root = make("section", { part: "set" });
  heading = make("h3", { part: "name" });
  sentence = make("p", { part: "sentence" });
  cells = make("div", { class: "cells", role: "img", part: "cells" });
  /** @type {Map<number, HTMLElement>} */
  byNumber = new Map();

  /** @param {string} key */
  constructor(key) {
    this.heading.textContent = key;
    this.root.setAttribute("aria-label", key);
    this.root.append(this.heading, this.sentence, this.cells);
  }

  /** @param {State} state */
  paint(state) {
    const states = statesOf(state);
    const sentence = sentenceOf(state);
    if (this.sentence.textContent !== sentence) this.sentence.textContent = sentence;
    this.cells.hidden = !states.size;
    this.cells.setAttribute("aria-label", `${states.size} instances: ${sentence}`);
    for (const [number, cell] of this.byNumber)
      if (!states.has(number)) {
        cell.remove();
        this.byNumber.delete(number);
      }
    for (const [number, name] of [...states].sort(([a], [b]) => a - b)) this.cell(number, name);
  }

  /**
   * @param {number} number
   * @param {string} name
   */
  cell(number, name) {
    let cell = this.byNumber.get(number);
    if (!cell) {
      cell = make("i", { part: "cell", "aria-hidden": "true" });
      this.byNumber.set(number, cell);
      this.cells.append(cell);
    }
    if (cell.dataset.state === name) return;
    cell.dataset.state = name;
    cell.dataset.fill = FILLS[name] ?? "waiting";
    cell.title = `${number}: ${name}`;
  }
}

/**
 * @param {Change} change
 * @param {FeedCopy} copy
 */
function standingOf({ kind, reason }, { sets, waiting }) {
  const shown = sets.size ? ": this is what was last known" : "";
  if (kind === "refused") return `Refused: ${reason}.`;
  if (kind !== "live") return `Not live${shown}.`;
  return sets.size || waiting.size ? "" : "There is no scale set to show.";
}

function define() {
  /** `sets` ("rg/name,...") shows only these. */
  class RollgridGrid extends HTMLElement {
    static observedAttributes = ["src", "token", "sets"];
    /** @type {FeedCopy | null} */
    copy = null;
    /** @type {Map<string, Panel>} */
    panels = new Map();
    /** Scale sets to paint in the next frame. @type {Set<string>} */
    changed = new Set();
    standing = make("p", { class: "standing", role: "status", part: "standing" });
    body = make("div", { lang: "en", dir: "ltr" }); // whatever the page is in
    isAsked = false;
    /** The last word of the feed on itself. @type {Change} */
    last = { kind: "connecting" };

    constructor() {
      super();
      const style = make("style");
      style.textContent = STYLE;
      this.body.append(this.standing);
      this.attachShadow({ mode: "open" }).append(style, this.body);
    }

    connectedCallback() {
      this.setAttribute("role", this.getAttribute("role") ?? "region");
      this.setAttribute("aria-label", this.getAttribute("aria-label") ?? "Instances, live");
      this.follow();
    }

    disconnectedCallback() {
      this.copy?.close();
      this.copy = null;
    }

    /**
     * @param {string} name
     * @param {string | null} before
     * @param {string | null} now
     */
    attributeChangedCallback(name, before, now) {
      if (this.isConnected && before !== null && before !== now) this.follow();
    }

    follow() {
      this.copy?.close();
      for (const panel of this.panels.values()) panel.root.remove();
      this.panels.clear();
      const only = (this.getAttribute("sets") ?? "").split(",").filter(Boolean);
      const token = this.getAttribute("token") ?? "";
      const copy = new FeedCopy(this.getAttribute("src") ?? location.origin, { token, only });
      this.copy = copy;
      this.last = { kind: "connecting" };
      this.standing.textContent = "Connecting.";
      this.body.classList.remove("stale");
      copy.addEventListener("change", (event) => {
        if (copy === this.copy) this.hear(/** @type {CustomEvent<Change>} */ (event).detail);
      });
    }

    /** @param {Change} change */
    hear(change) {
      if (change.set) this.changed.add(change.set);
      else this.last = change;
      if (this.isAsked) return;
      this.isAsked = true;
      requestAnimationFrame(() => this.paint());
    }

    paint() {
      this.isAsked = false;
      for (const key of this.changed) this.paintSet(key, this.copy?.sets.get(key));
      this.changed.clear();
      if (!this.copy || this.last.kind === "connecting") return;
      const standing = standingOf(this.last, this.copy);
      if (this.standing.textContent !== standing) this.standing.textContent = standing;
      this.body.classList.toggle("stale", this.last.kind !== "live");
    }

    /**
     * @param {string} key
     * @param {State | undefined} state
     */
    paintSet(key, state) {
      let panel = this.panels.get(key);
      if (!state) {
        panel?.root.remove();
        this.panels.delete(key);
        return;
      }
      if (!panel) {
        panel = new Panel(key);
        this.panels.set(key, panel);
        const keys = [...this.panels.keys()].sort();
        const next = keys[keys.indexOf(key) + 1];
        this.body.insertBefore(panel.root, this.panels.get(next)?.root ?? null);
      }
      panel.paint(state);
    }
  }
  customElements.define("rollgrid-grid", RollgridGrid);
}

if (globalThis.customElements && !customElements.get("rollgrid-grid")) define();
