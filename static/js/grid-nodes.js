// The nodes of a grid, kept from one build to the next: whoever hovers or focuses one does not lose it.

import { keep, newCell, newGroup } from "./cells.js";

/**
 * @import { Cell, Heading } from "./cells.js"
 * @import { Grouping } from "./view.js"
 */

export class GridNodes {
  /** By the id of the instance. @type {Map<string, Cell>} */
  cells = new Map();
  /** By "batch 3". @type {Map<string, Heading>} */
  headings = new Map();

  /**
   * @param {string} id
   * @param {number} place
   */
  cellFor(id, place) {
    const cell = this.cells.get(id) ?? newCell();
    this.cells.set(id, cell);
    if (cell.dataset.i !== String(place)) cell.dataset.i = String(place);
    return cell;
  }

  /**
   * The heading of a group, with these cells below it.
   * @param {Grouping} by
   * @param {string | number} key
   * @param {Cell[]} cells
   */
  headingFor(by, key, cells) {
    const name = `${by} ${key}`;
    const heading = this.headings.get(name) ?? newGroup(by, key);
    this.headings.set(name, heading);
    keep(heading.cells, cells);
    return heading;
  }

  /**
   * Forgets the cells of other instances than these, and the headings that are not in the page any more.
   * @param {{ has: (id: string) => boolean }} ids
   */
  forgetOthers(ids) {
    for (const id of this.cells.keys()) if (!ids.has(id)) this.cells.delete(id);
    for (const [name, heading] of this.headings)
      if (!heading.isConnected) this.headings.delete(name);
  }
}
