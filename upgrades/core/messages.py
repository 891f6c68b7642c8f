"""The sentences that people read: Azure's own where it has them (Z-1.6, with its double spaces), otherwise ours in plain English.

Each sentence carries its typed arguments, so that a viewer can show it in another language or time zone (core/sentences.py).
"""

from collections.abc import Sequence
from datetime import datetime

from upgrades.core import versions
from upgrades.core.facts import Hold, Trial, Withdrawal
from upgrades.core.ranges import ranges
from upgrades.core.sentences import Percent, Version, Versions, at, sentence

NO_IMAGE = "No version of the image is published in this location yet."
QUOTA_UNKNOWN = "The provider did not report its available quota, which the next batch needs."
GONE = "the machine is gone at the provider"


def _share(percent: float) -> str:
    return f"{percent:g}" if percent == int(percent) else f"{percent:.1f}"


@sentence
def unhealthy_before(percent: Percent, limit: Percent) -> str:
    return (
        "Rolling Upgrade failed due to exceeding the MaxUnhealthyInstancePercent value (defined in the RollingUpgradePolicy) "
        f"before any batch was attempted. {_share(percent)}% of instances are in an unhealthy state, more than the threshold of "
        f"{limit}% configured in the RollingUpgradePolicy. The most impactful error is:  Instance found to be unhealthy or "
        "unreachable. For details on rolling upgrades, use http://aka.ms/AzureVMSSRollingUpgrade"
    )


@sentence
def unhealthy_within(percent: Percent, limit: Percent) -> str:
    return (
        "Rolling Upgrade failed after exceeding the MaxUnhealthyInstancePercent value defined in the RollingUpgradePolicy. "
        f"{_share(percent)}% of instances are in an unhealthy state - more than the threshold of {limit}%. To apply upgrades, "
        "consider increasing the MaxUnhealthyInstancePercent value."
    )


UNHEALTHY = "Instance found to be unhealthy or unreachable"


@sentence
def too_many_failed(percent: Percent, limit: Percent, first_failed: int, error: str) -> str:
    """`first_failed`: the id of the first failed instance. `error`: what went wrong with it, "" if it is merely not healthy."""
    return (
        "Rolling Upgrade failed after exceeding the MaxUnhealthyUpgradedInstancePercent value defined in the "
        f"RollingUpgradePolicy. {_share(percent)}% of instances are in an unhealthy state after being upgraded - more than the "
        f"threshold of {limit}%. The most impactful error is: {error.rstrip('.') or UNHEALTHY}. First failed "
        f"instance ID is: {first_failed}."
    )


@sentence
def took_too_long(ends_by: datetime, left: int) -> str:
    return f"Rolling Upgrade failed because it did not complete by {at(ends_by)}. {_instances(left)} had not been upgraded."


@sentence
def with_failed(failed: int, total: int) -> str:
    return (
        f"Rolling Upgrade continues with {failed} of {total} upgraded instances failed, which is within its limits. It stops when more "
        "than the MaxUnhealthyUpgradedInstancePercent value have failed."
    )


@sentence
def internal(error: str) -> str:
    return f"An internal execution error occurred: {error}. The upgrade has stopped. Details are in the server log."


# --- nothing to do ----------------------------------------------------------------------------------------------------


@sentence
def nothing_to_do() -> str:
    return "Nothing to do: no instance is waiting for an upgrade."


@sentence
def nothing_to_do_pinned(version: Version) -> str:
    return f"Nothing to do: the scale set is pinned to {version}."


@sentence
def nothing_to_do_by_itself() -> str:
    return "Nothing to do. Automatic upgrades are off: new versions wait for a manual start."


# --- work that is under way -------------------------------------------------------------------------------------------


@sentence
def replacing(count: int) -> str:
    return f"Replacing the OS disk of {_instances(count)}."


@sentence
def surging(count: int) -> str:
    return f"Creating {_new_instances(count)} to replace as many."


@sentence
def clearing(count: int) -> str:
    return f"Removing {_instances(count)} to free quota for the next batch."


def _new_instances(count: int) -> str:
    return "1 new instance" if count == 1 else f"{count} new instances"


@sentence
def running_extensions(count: int) -> str:
    return f"Running extensions on {_instances(count)}."


@sentence
def rolling_back(count: int) -> str:
    return f"Restoring the old OS disk of {_instances(count)}."


@sentence
def making(creating: int, removing: int, others: int) -> str:
    """`others`: how many instances something else is being done to, outside any upgrade."""
    parts = [(creating, "creating"), (removing, "removing"), (others, "changing")]
    words = [f"{verb} {_instances(count)}" for count, verb in parts if count]
    return f"{', '.join(words).capitalize()}."


@sentence
def verifying(count: int, until: datetime) -> str:
    return f"Waiting for {_instances(count)} to become healthy, until {at(until)} at the latest."


# --- machines ---------------------------------------------------------------------------------------------------------


@sentence
def lacking(count: int, capacity: int) -> str:
    return f"{count} of {_machines(capacity)} {_are(count)} missing."


@sentence
def not_made(count: int, said: str, until: datetime | None) -> str:
    again = f"Retries at {at(until)}" if until else "Retrying now"
    return f"Could not create {_machines(count)}: {said.rstrip('.') or 'the provider gave no reason'}. {again}."


@sentence
def gone(instances: Sequence[int], since: datetime) -> str:
    is_one, which = len(instances) == 1, ranges(tuple(instances), most=8)
    what = f"The machine of instance {which}" if is_one else f"The machines of {len(instances)} instances ({which})"
    are = _are(len(instances))
    return f"{what} {are} gone at the provider since {at(since)} and {are} being created again."


def _machines(count: int) -> str:
    return "1 machine" if count == 1 else f"{count} machines"


# --- what holds an upgrade --------------------------------------------------------------------------------------------


@sentence
def stale(as_of: datetime | None) -> str:
    if as_of is None:
        return "No health data has arrived yet; no batch starts until it does."
    return f"Health data is out of date (last complete at {at(as_of)}); no batch starts until it is current."


@sentence
def initializing(count: int) -> str:
    return f"Waiting for the first health result of {_instances(count)}."


@sentence
def pause(until: datetime) -> str:
    return f"Pausing between batches until {at(until)}."


@sentence
def paused(by: str) -> str:
    return f"Paused by {by}, until somebody resumes it."


@sentence
def fleet_stopped(stop: Hold) -> str:
    until = f" until {at(stop.until)}" if stop.until else ""
    return f"All automatic upgrades are stopped by {stop.owner}{until}: {stop.reason}"


@sentence
def waits_for_approval(version: Version) -> str:
    """The sentence for a single instance; `waiting_for_approval` counts them."""
    return f"Waiting for approval of the upgrade to {version}."


@sentence
def waiting_for_approval(count: int, version: Version) -> str:
    return f"{_instances(count)} {_are(count)} waiting for approval of the upgrade to {version}."


@sentence
def stopped(version: Version) -> str:
    return f"The upgrade to {version} was cancelled. Start manually to continue; the next version starts automatically."


@sentence
def backing_off(version: Version, until: datetime, *, by_hand: bool) -> str:
    """`by_hand`: if a person retried before `until`, nothing would refuse or stop that."""
    sooner = ", or retry now" if by_hand else ""
    return f"The upgrade to {version} failed. Retries at {at(until)}{sooner}."


@sentence
def gate_still_shut(version: Version) -> str:
    return f"Too many instances are unhealthy to start the upgrade to {version}. It starts when they recover."


@sentence
def gate(sick: int, total: int, limit: Percent, must_recover: int) -> str:
    share = _share(100 * sick / total)
    return f"Too many unhealthy: {share} % ({sick} of {total}), limit {limit} %. {must_recover} more must recover."


@sentence
def over_the_limit(sick: int, total: int, limit: Percent, must_recover: int, *, runs: bool) -> str:
    """What the gate would say before the next batch, whatever is decided now. `runs`: an upgrade is running."""
    holds = "the upgrade stops before its next batch unless" if runs else "no upgrade starts until"
    recover = f"{must_recover} more {'recovers' if must_recover == 1 else 'recover'}"
    return f"{_share(100 * sick / total)} % unhealthy ({sick} of {total}), limit {limit} %: {holds} {recover}."


@sentence
def shut_by_opt_outs(sick: int, total: int, limit: Percent) -> str:
    return (
        f"{_instances(sick)} that {_are(sick)} opted out {_are(sick)} unhealthy. Of {total}, that alone is more than the limit of "
        f"{limit} %: no batch starts until {_they(sick)} recover{'s' if sick == 1 else ''}."
    )


# --- versions ---------------------------------------------------------------------------------------------------------


@sentence
def suspected(version: Version, trial: Trial, good: Version, *, by_itself: bool) -> str:
    """`by_itself`: upgrades are automatic. `good`: the version that new instances get, "" where that is the newest one."""
    newer = " The next version starts automatically." if by_itself else ""
    new = f" New instances get {good}." if good else ""
    return (
        f"{version} failed on {trial.failed} of {_instances(trial.tried)} that tried it: the version is suspected, not the machines."
        f"{newer}{new}"
    )


@sentence
def stopped_by_withdrawal(version: Version, withdrawal: Withdrawal, left: int) -> str:
    return (
        f"Rolling Upgrade stopped because {version} {_was_withdrawn(withdrawal)}. {_instances(left)} had not been upgraded to it; "
        "upgraded instances keep running it."
    )


@sentence
def withdrawn(count: int, version: Version, withdrawal: Withdrawal, target: Version, *, moving: int, takes: int) -> str:
    """`count`: how many instances run the withdrawn `version`. `target`: the version that they can be moved to, "" where none is left.

    `moving`: how many of them are moved to it without anybody's action. `takes`: how many a manual start would move, 0 where no upgrade
    could begin."""
    runs = f"{_instances(count)} {'runs' if count == 1 else 'run'} {version}, which {_was_withdrawn(withdrawal)}"
    if moving:
        return f"{runs}. The upgrade to {target} takes {_some(moving, count)} automatically."
    if not target:
        return f"{runs}. No other version is available; publish one."
    way = f" Start the upgrade to move {_some(takes, count)} to {target}." if takes else ""
    if versions.is_older(version, target):
        return f"{runs}. {target} is newer.{way}"
    return f"{runs}. Older versions are never installed automatically.{way}"


def _was_withdrawn(withdrawal: Withdrawal) -> str:
    return f"was withdrawn by {withdrawal.by} ({withdrawal.reason.rstrip('.')})"


@sentence
def pinned_to_withdrawn(version: Version, withdrawal: Withdrawal, target: Version, free: int) -> str:
    """`free`: how many instances a manual start would move to the target, 0 where no upgrade could begin."""
    start = f", and a manual start upgrades {_instances(free)} to it" if free else ""
    way = f"New instances get {target}{start}" if target else "No other version is published"
    return f"The scale set is pinned to {version}, which {_was_withdrawn(withdrawal)}. {way}. Pin it to another version, or to latest."


@sentence
def pinned(version: Version, count: int, running: Versions, free: int, *, can_start: bool) -> str:
    """`running`: the versions that the `count` instances run. `free`: how many of them a manual start would take.

    `can_start`: a manual start would neither be refused now nor stop at once."""
    runs = "runs" if count == 1 else "run"
    way = (
        f"Start the upgrade to move {_some(free, count)} to {version}"
        if free
        else "A start skips opted-out and switched-off instances"
    )
    if free and not can_start:
        way = "A manual start is needed"
    return f"The scale set is pinned to {version}, and {_instances(count)} {runs} {', '.join(running)}. {way}."


@sentence
def automatic_off(version: Version, count: int) -> str:
    return f"Automatic upgrades are off. {_instances(count)} can be upgraded to {version} manually."


@sentence
def waits_for_a_start(version: Version, count: int) -> str:
    """An upgrade by hand has instances to take, but would be refused or stop at once as things are now."""
    return f"Automatic upgrades are off. {_instances(count)} {_are(count)} waiting for a manual start to {version}."


@sentence
def left_alone_by_automatic_off(version: Version, count: int) -> str:
    return f"Automatic upgrades are off. {_instances(count)} {_are(count)} not on {version}; none can be upgraded manually now."


# --- instances --------------------------------------------------------------------------------------------------------


@sentence
def surplus_is_kept(surplus: int, capacity: int, opted_out: int, kept: int) -> str:
    """Why there are more instances than the capacity: `surplus` of them cannot be removed."""
    held = [f"{opted_out} opted out"] if opted_out else []
    held += [f"{kept} protected from scale-in"] if kept else []
    return f"{_instances(surplus)} more than the capacity of {capacity}, and none may be removed: {' and '.join(held)}."


@sentence
def nothing_left(count: int, version: Version) -> str:
    return f"No instance can be upgraded to {version}: the remaining {count} {_are(count)} opted out or quarantined."


@sentence
def opted_out(count: int, hold: Hold) -> str:
    until = f"until {at(hold.until)}" if hold.until else "without an end"
    return f"{_instances(count)} opted out by {hold.owner} {until}: {hold.reason}"


@sentence
def quarantined(count: int) -> str:
    return (
        f"{_instances(count)} failed too often where others succeeded. Automatic upgrades to this version skip {_them(count)} until "
        f"somebody releases {_them(count)}."
    )


@sentence
def switched_off(count: int) -> str:
    return f"{_instances(count)} {_are(count)} switched off. Upgraded when started again; until then no limit counts {_them(count)}."


@sentence
def failed_before(count: int, version: Version, *, is_running: bool) -> str:
    """`is_running`: an upgrade to `version` is running. If that is stopped, the next attempt takes these instances too."""
    failed = f"{_instances(count)} failed on {version}"
    if is_running:
        return f"{failed}; this upgrade does not retry {_them(count)}."
    return f"{failed}; automatic upgrades do not retry {_them(count)} on this version."


@sentence
def turn(count: int, batches: int) -> str:
    begun = f"batch {batches} was the last to start" if batches else "none has started yet"
    return f"{_instances(count)} {_are(count)} waiting for later batches ({begun})."


def _instances(count: int) -> str:
    return "1 instance" if count == 1 else f"{count} instances"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _them(count: int) -> str:
    return "it" if count == 1 else "them"


def _some(part: int, count: int) -> str:
    return _them(count) if part == count else f"{part} of them"


def _they(count: int) -> str:
    return "it" if count == 1 else "they"
