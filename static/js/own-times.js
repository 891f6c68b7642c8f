// Times of what the server has rendered, in the zone of whoever looks.

import { $$ } from "./dom.js";
import { fullMomentAt, zoneName } from "./format.js";
import { inZone } from "./sentences.js";

/** Each once: a time that was shown already says nothing else the second time. */
export function showOwnTimes() {
  for (const time of $$("time[datetime]")) {
    time.title = new Date(time.dateTime).toISOString();
    time.textContent = fullMomentAt(time.dateTime);
  }
  for (const place of $$("main .says")) place.textContent = inZone(place.textContent ?? "");
  for (const place of $$("main .zone")) place.textContent = zoneName();
}
