// The audit trail: the server shows it; here its times become those of whoever looks, and its days begin in their zone.

import { $$, $ } from "./dom.js";
import { fullMomentAt, zoneName } from "./format.js";
import { inZone } from "./sentences.js";
import { openShell } from "./shell.js";

openShell();
for (const time of $$("time[datetime]")) {
  time.title = new Date(time.dateTime).toISOString();
  time.textContent = fullMomentAt(time.dateTime);
}
for (const place of $$(".trail .says")) place.textContent = inZone(place.textContent ?? "");
for (const place of $$("main .zone")) place.textContent = zoneName();
$("input[name=zone]").value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
