"""The sentences: Azure's own where it has them (facts 1.6, spaces and all), ours elsewhere."""

from collections.abc import Sequence
from datetime import datetime

from upgrades.core import versions
from upgrades.core.facts import Hold, Trial, Withdrawal
from upgrades.core.ranges import ranges

NO_IMAGE = "No version of its image is published in its location yet."
ROOM_UNKNOWN = (
    "The provider does not say for how many more instances there is room; the next batch is to make new ones."
)


def _share(percent: float) -> str:
    return f"{percent:g}" if percent == int(percent) else f"{percent:.1f}"


def unhealthy_before(percent: float, limit: int) -> str:
    return (
        "Rolling Upgrade failed due to exceeding the MaxUnhealthyInstancePercent value (defined in the RollingUpgradePolicy) "
        f"before any batch was attempted. {_share(percent)}% of instances are in an unhealthy state, more than the threshold of "
        f"{limit}% configured in the RollingUpgradePolicy. The most impactful error is:  Instance found to be unhealthy or "
        "unreachable. For details on rolling upgrades, use http://aka.ms/AzureVMSSRollingUpgrade"
    )


def unhealthy_within(percent: float, limit: int) -> str:
    return (
        "Rolling Upgrade failed after exceeding the MaxUnhealthyInstancePercent value defined in the RollingUpgradePolicy. "
        f"{_share(percent)}% of instances are in an unhealthy state - more than the threshold of {limit}%. To apply upgrades, "
        "consider increasing the MaxUnhealthyInstancePercent value."
    )


UNHEALTHY = "Instance found to be unhealthy or unreachable"


def too_many_failed(percent: float, limit: int, first_failed: int, error: str) -> str:
    """`error`: what went wrong with the first, "" where it only is not healthy."""
    return (
        "Rolling Upgrade failed after exceeding the MaxUnhealthyUpgradedInstancePercent value defined in the "
        f"RollingUpgradePolicy. {_share(percent)}% of instances are in an unhealthy state after being upgraded - more than the "
        f"threshold of {limit}%. The most impactful error is: {error.rstrip('.') or UNHEALTHY}. First failed "
        f"instance ID is: {first_failed}."
    )


def took_too_long(ends_by: datetime, left: int) -> str:
    return (
        f"Rolling Upgrade failed because it did not complete in time: its time was over at {_moment(ends_by)}, and "
        f"{_instances(left)} had not been upgraded."
    )


def with_failed(failed: int, total: int) -> str:
    return (
        f"Rolling Upgrade goes on with {failed} of {total} upgraded instances failed, which is within its limits; it stops when more than "
        "the MaxUnhealthyUpgradedInstancePercent value have failed."
    )


def internal(error: str) -> str:
    return f"An internal execution error occurred: {error}. Nothing more is upgraded; the log has the details."


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S} UTC"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _instances(count: int) -> str:
    return "1 instance" if count == 1 else f"{count} instances"


def replacing(count: int) -> str:
    return f"Replacing the OS disk of {_instances(count)}."


def surging(count: int) -> str:
    return f"Creating {_new_instances(count)} to replace as many."


def clearing(count: int) -> str:
    return f"Removing {_instances(count)}; the next batch needs the room."


def _new_instances(count: int) -> str:
    return "1 new instance" if count == 1 else f"{count} new instances"


def running_extensions(count: int) -> str:
    return f"Running extensions on {_instances(count)}."


def rolling_back(count: int) -> str:
    return f"Putting the old OS disk back on {_instances(count)}."


def making(count: int) -> str:
    return f"Making or removing {_instances(count)}."


def lacking(count: int, capacity: int) -> str:
    return f"{count} of {_machines(capacity)} {_are(count)} not there."


def not_made(count: int, said: str, until: datetime | None) -> str:
    again = f"tried again at {_clock(until)}" if until else "being tried again"
    return f"{_machines(count)} could not be made: {said.rstrip('.') or 'the provider gave no reason'}; {again}."


def gone(ids: Sequence[int], since: datetime) -> str:
    is_one, which = len(ids) == 1, ranges(tuple(ids), most=8)
    what = f"The machine of instance {which}" if is_one else f"The machines of {len(ids)} instances ({which})"
    return f"{what} {_are(len(ids))} gone at the provider since {_clock(since)}, and {_are(len(ids))} made again."


def gone_at(since: datetime) -> str:
    return f"the machine is gone at the provider since {_clock(since)}"


def _machines(count: int) -> str:
    return "1 machine" if count == 1 else f"{count} machines"


def verifying(count: int, until: datetime) -> str:
    return f"Waiting for {_instances(count)} to become healthy, until {_clock(until)} at the latest."


def stale(as_of: datetime | None) -> str:
    if as_of is None:
        return "No health has been reported yet; nothing starts before it is known."
    return f"The last complete news of its health is from {_clock(as_of)}; nothing starts on old news."


def initializing(count: int) -> str:
    return f"Waiting for the first health verdict of {_instances(count)}."


def pause(until: datetime) -> str:
    return f"Pausing between batches until {_clock(until)}."


def paused(by: str) -> str:
    return f"Paused by {by}; it goes on when somebody resumes it."


def fleet_stopped(stop: Hold) -> str:
    until = f" until {_moment(stop.until)}" if stop.until else ""
    return f"All automatic upgrades are stopped by {stop.owner}{until}: {stop.reason}"


def waiting_for_approval(count: int, version: str) -> str:
    waits = "waits" if count == 1 else "wait"
    return f"{_instances(count)} {waits} for somebody to approve the upgrade to {version}."


def stopped(version: str) -> str:
    return f"The last upgrade to {version} was cancelled; it starts again by hand, or with the next version."


def backing_off(version: str, until: datetime, *, by_hand: bool) -> str:
    """`by_hand`: nothing would refuse or stop it before that."""
    sooner = ", by hand at any time" if by_hand else ""
    again = f"it is tried again at {_moment(until)}{sooner}, or with the next version"
    return f"The last upgrade to {version} was stopped; {again}."


def gate_still_shut(version: str) -> str:
    return f"Too many instances are unhealthy to start the upgrade to {version}; it starts when they have recovered."


def gate(sick: int, total: int, limit: int, must_recover: int) -> str:
    share = _share(100 * sick / total)
    recover = f"{must_recover} more must recover" if must_recover > 1 else "1 more must recover"
    return f"Held by the health gate: {share} % unhealthy ({sick} of {total}), limit {limit} %; {recover}."


def shut_by_opt_outs(sick: int, total: int, limit: int) -> str:
    return (
        f"{_instances(sick)} that {_are(sick)} opted out {_are(sick)} unhealthy: of {total} that alone is more than the limit of "
        f"{limit} %, so that the gate cannot open while they stay as they are."
    )


def suspected(version: str, trial: Trial, good: str, *, by_itself: bool) -> str:
    """`by_itself`: upgrades are automatic. `good`: what new instances get, "" where that is the newest."""
    newer = " A newer version is taken by itself." if by_itself else ""
    new = f" New instances get {good}." if good else ""
    return (
        f"{version} failed on {trial.failed} of {_instances(trial.tried)} that tried it: the version is suspected, not the machines."
        f"{newer}{new}"
    )


def stopped_by_withdrawal(version: str, withdrawal: Withdrawal, left: int) -> str:
    return (
        f"Rolling Upgrade stopped because {version} {_was_withdrawn(withdrawal)}. {_instances(left)} had not been upgraded to it; those "
        "that were run on."
    )


def withdrawn(count: int, version: str, withdrawal: Withdrawal, target: str, *, moving: int, takes: int) -> str:
    """`target`: the version that they may be taken to, "" where none is left. `moving`: how many of them are taken to it as things are.
    `takes`: how many of them a start would take, 0 where none could begin."""
    runs = f"{_instances(count)} {'runs' if count == 1 else 'run'} {version}, which {_was_withdrawn(withdrawal)}"
    if moving:
        return f"{runs}; {target} is on its way to {_some(moving, count)}."
    if not target:
        return f"{runs}. No version is left to take {_them(count)} to; publish one."
    way = f": start takes {_some(takes, count)} to {target}" if takes else ""
    if versions.is_older(version, target):
        return f"{runs}. {target} is newer{way}."
    return f"{runs}. Nothing is taken to an older version by itself{way}."


def _was_withdrawn(withdrawal: Withdrawal) -> str:
    return f"was withdrawn by {withdrawal.by} ({withdrawal.reason.rstrip('.')})"


def pinned_to_withdrawn(version: str, withdrawal: Withdrawal, target: str, free: int) -> str:
    """`free`: how many instances a start would take to the target, 0 where none could begin."""
    start = f", and start takes {_instances(free)} to it" if free else ""
    way = f"New instances get {target}{start}" if target else "No other version is published"
    return f"It is pinned to {version}, which {_was_withdrawn(withdrawal)}. {way}; pin it to another version, or to latest."


def pinned(version: str, count: int, running: Sequence[str], free: int, *, can_start: bool) -> str:
    """`free`: how many of them a start would take; `can_start`: it would neither be refused now, nor stop at once."""
    runs = "runs" if count == 1 else "run"
    way = (
        f"start brings {_some(free, count)} to {version}"
        if free
        else f"start leaves {_them(count)} alone, opted out or switched off"
    )
    if free and not can_start:
        way = "it waits for a start by hand" if count == 1 else "they wait for a start by hand"
    return f"It is pinned to {version}, and {_instances(count)} {runs} {', '.join(running)}: {way}."


def automatic_off(version: str, count: int) -> str:
    return f"Automatic upgrades are off: {_instances(count)} could be upgraded to {version} by hand."


def waits_for_a_start(version: str, count: int) -> str:
    """One could begin, but not as things are."""
    return f"Automatic upgrades are off: {_instances(count)} {'waits' if count == 1 else 'wait'} for a start by hand to {version}."


def left_alone_by_automatic_off(version: str, count: int) -> str:
    return f"Automatic upgrades are off: not on {version} yet: {_instances(count)}, of which none could be upgraded by hand now."


def surplus_is_kept(surplus: int, capacity: int, opted_out: int, kept: int) -> str:
    """Why there are more than there should be."""
    held = [f"{opted_out} opted out"] if opted_out else []
    held += [f"{kept} protected from scale-in"] if kept else []
    return f"{_instances(surplus)} more than the capacity of {capacity}, and none may be removed: {' and '.join(held)}."


def nothing_left(count: int, version: str) -> str:
    return f"Nothing can be upgraded to {version}: {_instances(count)} without it, and every one is opted out or quarantined."


def opted_out(count: int, hold: Hold) -> str:
    until = f"until {_moment(hold.until)}" if hold.until else "without an end"
    return f"{_instances(count)} opted out by {hold.owner} {until}: {hold.reason}"


def quarantined(count: int) -> str:
    return (
        f"{_instances(count)} failed too often where others succeeded and {_are(count)} left alone on this version until somebody releases "
        f"{_them(count)}."
    )


def switched_off(count: int) -> str:
    return f"{_instances(count)} {_are(count)} switched off: upgraded when started again, and counted for no limit until then."


def failed_before(count: int, version: str, *, is_running: bool) -> str:
    """`is_running`: an upgrade to it is. If that is stopped, the next attempt takes them too."""
    itself = "itself" if count == 1 else "themselves"
    again = "in this upgrade" if is_running else f"by {itself} on this version"
    return f"{_instances(count)} failed on {version} and {_are(count)} not tried again {again}."


def turn(count: int, batches: int) -> str:
    waits, begun = "waits" if count == 1 else "wait", "was begun" if batches == 1 else "were begun"
    return f"{_instances(count)} {waits} for a later batch; {batches} {begun}."


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _them(count: int) -> str:
    return "it" if count == 1 else "them"


def _some(part: int, count: int) -> str:
    return _them(count) if part == count else f"{part} of them"
