// The instruments of the scale set page: a board in, markup out. No listeners, no timers.

export { gauges } from "./gauges.js";
export { rail } from "./rail.js";
export { reason, reasons } from "./reason-list.js";
export { statusOf } from "./status.js";
export { steps } from "./steps.js";
