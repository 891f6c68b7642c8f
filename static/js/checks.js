// The checks of a scale set: the server shows them; here their times become those of whoever looks, also of what htmx brings later.

import { showOwnTimes } from "./own-times.js";
import { openShell } from "./shell.js";

openShell();
showOwnTimes();
document.body.addEventListener("htmx:afterSwap", showOwnTimes);
