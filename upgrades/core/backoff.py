"""Which stopped attempts the platform tries again by itself, and when (Z-1.14).

"The last attempt" below is that at the latest version. Where the last attempt was at another version, each function answers as if there
had been no attempt.
"""

from datetime import datetime, timedelta

from upgrades.core import health
from upgrades.core.facts import Attempt, Facts
from upgrades.core.states import UpgradeStatus

MAX_WAIT = timedelta(days=1)


def was_cancelled(facts: Facts) -> bool:
    """Did a person cancel the last attempt? Then only a person's retry, or the next version, starts another."""
    last = _last_attempt_at_latest(facts)
    return last is not None and bool(last.cancelled_by) and not last.wait_is_skipped


def paused_by(facts: Facts) -> str:
    """Who paused the last attempt; "" where nobody did, or where it was completed or cancelled.

    The pause holds for all attempts at that version, until somebody resumes or cancels it, or a newer version is published."""
    last = _last_attempt_at_latest(facts)
    is_over = last is None or bool(last.cancelled_by) or last.status is UpgradeStatus.COMPLETED
    return "" if last is None or is_over else last.paused_by


def was_stopped_at_the_gate(facts: Facts) -> bool:
    """Was the last attempt stopped before it touched any instance? Then the next one follows as soon as the gate opens."""
    last = _last_attempt_at_latest(facts)
    return last is not None and last.status is UpgradeStatus.FAULTED and not last.has_begun


def was_stopped_midway(facts: Facts) -> bool:
    """Was the last attempt stopped after it had touched instances? Then the next one follows after a wait (`next_attempt_at`)."""
    last = _last_attempt_at_latest(facts)
    return last is not None and last.status is UpgradeStatus.FAULTED and last.has_begun


def would_take_failed(facts: Facts) -> bool:
    """Does the next attempt also take instances that failed on this version before?

    It does if one of the attempts in a row was stopped on the way, if a person asked for a retry, or if the last attempt was to take them
    but was stopped at the gate."""
    last = _last_attempt_at_latest(facts)
    is_stopped = was_stopped_midway(facts) or (
        was_stopped_at_the_gate(facts) and last and (last.attempts_stopped_in_a_row > 0 or last.takes_failed)
    )
    return bool(is_stopped or (last and last.wait_is_skipped))


def next_attempt_at(facts: Facts) -> datetime | None:
    """When the next attempt begins by itself, None for at once. The wait doubles with each attempt that was stopped, up to a day.

    >>> from upgrades.core.facts import ImageReference
    >>> at, latest = datetime(2018, 9, 25), ImageReference("p", "o", "s", "1.1")
    >>> for stopped in (1, 2, 3, 9):
    ...     last = Attempt("1.1", UpgradeStatus.FAULTED, True, ended_at=at, attempts_stopped_in_a_row=stopped)
    ...     print(next_attempt_at(Facts(1, latest_image=latest, last_attempt=last)) - at)
    0:30:00
    1:00:00
    2:00:00
    1 day, 0:00:00
    """
    last = _last_attempt_at_latest(facts)
    if last is None or not was_stopped_midway(facts) or last.wait_is_skipped or last.ended_at is None:
        return None
    doublings = min(max(0, last.attempts_stopped_in_a_row - 1), 20)
    wait: timedelta = facts.retry_after * 2**doublings
    return last.ended_at + min(wait, MAX_WAIT)


def is_platform_gate_shut(facts: Facts, now: datetime) -> bool:
    """Are too many instances unhealthy for an upgrade of the platform to begin?"""
    unhealthy_count = len(health.unhealthy(facts, now))
    return health.exceeds(unhealthy_count, len(facts.counted), facts.policy.max_unhealthy_percent)


def _last_attempt_at_latest(facts: Facts) -> Attempt | None:
    last = facts.last_attempt
    return last if last and facts.latest_image and last.target_version == facts.latest_image.version else None
