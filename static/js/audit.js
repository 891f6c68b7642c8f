// The audit trail: the server shows it; here its times become those of whoever looks, and its days begin in their zone.

import { $$, $ } from "./dom.js";
import { zoneName } from "./format.js";
import { openShell } from "./shell.js";

const MOMENT = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });

openShell();
for (const time of $$("time[datetime]")) {
  const at = new Date(time.dateTime);
  time.title = at.toISOString();
  time.textContent = MOMENT.format(at);
}
for (const place of $$("main .zone")) place.textContent = zoneName();
$("input[name=zone]").value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
