// What the buttons of a scale set's page do: ask the server what would follow, or do at once what begins nothing.

import { post } from "./acts.js";
import { consider } from "./confirm.js";
import { ACTS } from "./reasons.js";

/** `here`: the address of the scale set's page; `asking(ids)`: it is done to these. */
export class Steering {
  /**
   * @param {string} here
   * @param {(ids: string[]) => void} asking
   */
  constructor(here, asking) {
    this.here = here;
    this.asking = asking;
  }

  /**
   * To the scale set, or to the instances that the button names.
   * @param {HTMLElement} element
   */
  do(element) {
    const { key = "", ids = "", version = "" } = element.dataset,
      how = ACTS[key];
    if (element.getAttribute("aria-disabled") === "true")
      return element.closest(".why-off")?.classList.toggle("open");
    if (key === "end_fleet_stop")
      return consider(`${document.body.dataset.endFleetStop}would/`, element);
    const values = { ...(ids && { ids }), ...(version && { version }) };
    const sent = () => {
      if (ids) this.asking(ids.split(","));
    };
    if (how?.asks !== false)
      return consider(`${this.here}would/${key}/?${new URLSearchParams(values)}`, element, sent);
    sent();
    post(`${this.here}${how.path}`, values, element);
  }

  /**
   * The switch of automatic upgrades.
   * @param {HTMLElement} control
   */
  automatic(control) {
    consider(
      `${this.here}would/automatic/?on=${control.getAttribute("aria-checked") !== "true"}`,
      control,
    );
  }
}
