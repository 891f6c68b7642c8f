// Selecting instances with the mouse: Ctrl adds and takes away, Shift takes all between, a drag from one cell to another too.

/**
 * All of the list from one to another, wherever they stand in it.
 * @param {string[]} list
 * @param {string} from
 * @param {string} to
 */
export function between(list, from, to) {
  const [first, last] = [list.indexOf(from), list.indexOf(to)].sort((a, b) => a - b);
  return first < 0 ? [to] : list.slice(first, last + 1);
}

export class Selecting {
  /**
   * selected: the Set of ids; order(): all that can be selected, as they stand now; changed(ids): those were selected or are not any more.
   * @param {Set<string>} selected
   * @param {() => string[]} order
   * @param {(ids: string[]) => void} changed
   */
  constructor(selected, order, changed) {
    this.selected = selected;
    this.order = order;
    this.changed = changed;
    /** @type {string | null} */
    this.anchor = null;
    this.wasDrag = false;
    /** @type {{from: string, kept: string[]} | null} */
    this.drag = null;
  }

  /** @param {string} id */
  toggle(id) {
    if (!this.selected.delete(id)) this.selected.add(id);
    this.anchor = id;
    this.changed([id]);
  }

  /**
   * From the last one that was chosen; it is not moved by that.
   * @param {string} id
   */
  extend(id) {
    if (this.anchor === null) return this.toggle(id);
    this.put(between(this.order(), this.anchor, id), this.selected);
  }

  /**
   * True where the click was one for the selection.
   * @param {string} id
   * @param {Pick<MouseEvent, "shiftKey" | "ctrlKey" | "metaKey">} event
   */
  click(id, { shiftKey, ctrlKey, metaKey }) {
    if (this.wasDrag) return !(this.wasDrag = false);
    if (shiftKey) this.extend(id);
    else if (ctrlKey || metaKey) this.toggle(id);
    else this.anchor = id;
    return Boolean(shiftKey || ctrlKey || metaKey);
  }

  /** @param {string[]} ids */
  all(ids) {
    this.put(ids, []);
  }

  clear() {
    this.put([], []);
  }

  /**
   * @param {string[]} ids
   * @param {Iterable<string>} kept
   */
  put(ids, kept) {
    const before = new Set(this.selected),
      now = new Set([...kept, ...ids]);
    this.selected.clear();
    for (const id of now) this.selected.add(id);
    this.changed([...before, ...now].filter((id) => before.has(id) !== now.has(id)));
  }

  /**
   * Listens for drags on the grid; idOf(element) is the id of a cell.
   * @param {HTMLElement} root
   * @param {(element: EventTarget | null) => string | undefined} idOf
   */
  listen(root, idOf) {
    root.addEventListener("pointerdown", (event) => {
      this.wasDrag = false;
      const id = idOf(event.target);
      if (event.button || event.pointerType === "touch" || event.shiftKey || id === undefined)
        return;
      this.drag = { from: id, kept: event.ctrlKey || event.metaKey ? [...this.selected] : [] };
    });
    root.addEventListener("pointerover", (event) => {
      const id = this.drag && event.buttons ? idOf(event.target) : undefined;
      if (!this.drag || id === undefined || (id === this.drag.from && !this.wasDrag)) return;
      this.wasDrag = true;
      this.anchor = this.drag.from;
      this.put(between(this.order(), this.drag.from, id), this.drag.kept);
    });
    document.addEventListener("pointerup", () => {
      this.drag = null;
    });
    root.addEventListener("dragstart", (event) => event.preventDefault());
  }
}
