// The audit trail: the server shows it; here its times become those of whoever looks, and its days begin in their zone.

import { $ } from "./dom.js";
import { showOwnTimes } from "./own-times.js";
import { openShell } from "./shell.js";

openShell();
showOwnTimes();
$("input[name=zone]").value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
