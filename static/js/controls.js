// Which of the controls can be used, and why not the others: as the server says (the feed's `actions`). Pure.

/** id of the control -> action. Each has its own place, whatever the moment. */
export const CONTROLS = {
  approve: "approve",
  start: "start",
  pause: "pause",
  resume: "resume",
  cancel: "cancel",
  next: "next_batch_now",
  retry: "retry_now",
  failed: "retry_failed",
  extensions: "start_extensions",
};

const NOT_KNOWN = "Not looked at yet.";

/** Why this cannot be done now, "" where it can. */
export const whyNotNow = (board, action) => {
  const said = board.scale_set.decision.actions?.[action];
  return said ? said.why : NOT_KNOWN;
};

/** {id of the control: why it cannot be used now, "" where it can}: all of them, always. */
export const controlsOf = (board) =>
  Object.fromEntries(
    Object.entries(CONTROLS).map(([id, action]) => [id, whyNotNow(board, action)]),
  );

const FITTING = ["resume", "approve", "start"];

/** The one that fits the moment, which stands out; "" for none. */
export const mainOf = (controls) => FITTING.find((id) => !controls[id]) ?? "";
