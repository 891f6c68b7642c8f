// The texts of the pages in English, by key. A template is written as in messages.js; another language has the same keys (docs/texts.md).

import { SCALE_SET } from "./texts-scale-set.js";

/** @type {Record<string, string>} */
export const TEXTS = {
  ...SCALE_SET,
  "act.approve": "Approve",
  "act.end_fleet_stop": "Resume automatic upgrades",
  "act.next_batch_now": "Next batch now",
  "act.opt_in": "Opt in again",
  "act.release": "Release",
  "act.resume": "Resume",
  "act.retry_failed": "Retry failed",
  "act.retry_now": "Retry now",
  "act.start": "Start upgrade",
  "act.start_unhealthy_first": "Upgrade the unhealthy first",
  "act.undo_opt_in": "Keep opted out",
  "act.with_count": "{act} {count, count}",
  "act.withdraw_approval": "Withdraw approval",
  "confirm.batches": "{count, plural, one {# more batch} other {# more batches}}",
  "connection.connecting": "Connecting",
  "connection.live": "Live, lag {seconds} s",
  "connection.live_again": "Live again.",
  "connection.polling": "Updating every 3 s",
  "connection.reconnecting": "Reconnecting",
  "connection.sign_in": "Sign in",
  "connection.sign_in_to_see": "You are signed out. Sign in to see live data.",
  "connection.signed-out": "Signed out",
  "connection.stale": "Stale since {time} {zone}",
  "filter.clear": "Clear filter",
  "filter.select": "Select the {count, count}",
  "filter.select_all": "Select all {count, count}",
  "filter.shown": "{shown, count} of {total, count} shown",
  "filter.total": "{count, plural, one {# instance} other {# instances}}",
  "fleet_stop.already": "Already stopped. Resume from the banner.",
  "fleet_stop.by":
    "{stopped} by {owner} since {at, instant}{until, select, none {} other {, until {until, instant}}} {zone}: {reason}",
  "fleet_stop.stopped": "All automatic upgrades are stopped",
  "frozen.signed-out": "You are signed out. Sign in to go on.",
  "frozen.stale":
    "This page is out of date: the connection to the server is lost. Controls work again as soon as it is live.",
  "health.healthy": "Healthy",
  "health.initializing": "Initializing",
  "health.unhealthy": "Unhealthy",
  "health.unknown": "Unknown",
  "instance.unseen": "Not looked at yet.",
  "names.more": "{names} and {count, count} more",
  "span.days": "{days} d {hours} h",
  "span.hours": "{hours} h {minutes} m",
  "span.minutes": "{minutes} m {seconds} s",
  "span.seconds": "{seconds} s",
  "state.creating": "Creating",
  "state.deleting": "Deleting",
  "state.done": "Up to date",
  "state.failed": "Failed",
  "state.held": "Held",
  "state.missing": "No machine",
  "state.opted-out": "Opted out",
  "state.pending": "Pending",
  "state.quarantined": "Quarantined",
  "state.queued": "Queued",
  "state.rolled-back": "Rolled back",
  "state.rolling-back": "Rolling back",
  "state.switched-off": "Switched off",
  "state.unhealthy": "Unhealthy",
  "state.unknown": "Unknown",
  "state.unseen": "Not looked at yet",
  "state.upgrading": "Upgrading",
  "state.verifying": "Verifying",
  "status.cancelled": "Cancelled",
  "status.cancelling": "Cancelling",
  "status.completed": "Completed",
  "status.ended":
    "The upgrade {version, select, none {of extensions} other {to {version}}} ended: {word}.",
  "status.faulted": "Stopped",
  "status.never": "Never upgraded",
  "status.rolling_back": "Rolling back",
  "status.rolling_forward": "Rolling forward",
  "summary.in_state": "{count, count} {state}",
  "summary.instances":
    "{count, plural, one {# instance} other {# instances}}{states, select, none {} other {: {states}}}",
  "summary.none_published": "none published",
  "summary.versions":
    "{version}{others, plural, =0 {} other { and # more}}{target, select, none {} other { → {target}}}",
  "time.about": "about {time}",
  "time.after": "after {time}",
  "time.range": "{low}–{high}",
  "toast.dismiss": "Dismiss",
};

/**
 * Adds texts that not every page has from the beginning. A module imports the file that has those which it asks for.
 * @param {Record<string, string>} more
 */
export function addTexts(more) {
  Object.assign(TEXTS, more);
}
