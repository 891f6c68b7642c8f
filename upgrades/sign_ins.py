"""The throttle of all entry points that take a password or a secret. Counts are in the database, so that all processes share them.

Each try is counted as a failure before the secret is checked, so that many tries at once do not slip through; only a success undoes that.
What is not a try (an empty or unreadable form) must not come here.
"""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction

from upgrades.core.throttle import (
    FORGET_AFTER,
    KNOWN_FOR,
    CountedBy,
    FailureCounts,
    Failures,
    network,
    tries_left,
    wait,
)
from upgrades.models import SignInTries, clock

log = logging.getLogger(__name__)


class TooManyTries(Exception):
    """The next try is refused until the wait is over. `seconds`: how long that is."""

    def __init__(self, left: timedelta) -> None:
        self.seconds = max(1, round(left.total_seconds()))
        super().__init__(f"Too many tries. Wait {_spelled(self.seconds)}, then try again.")


@dataclass(frozen=True, slots=True)
class CountedTry:
    """A try that was let through. `left`: how many more may follow before one has to wait."""

    keys: dict[CountedBy, str]
    account: str
    address: str
    left: int


def begin(account: str, address: str, now: datetime) -> CountedTry:
    """Count a try to sign in as `account` ("admin", "client 0f4c..."; in any case) from `address`. Raises TooManyTries."""
    keys = _keys(account.lower(), network(address))
    _clamp_future_failures(keys, now)
    _raise_where_waiting(_counts(keys, _rows(keys.values())), now)  # most are refused here, without a lock
    with transaction.atomic():
        SignInTries.objects.bulk_create(
            [SignInTries(key=key, last_at=now) for key in sorted(keys.values())], ignore_conflicts=True
        )
        counts = _counts(keys, SignInTries.objects.select_for_update().filter(key__in=keys.values()).order_by("key"))
        _raise_where_waiting(counts, now)
        counts = {by: replace(failures, count=failures.at(now) + 1, last_at=now) for by, failures in counts.items()}
        _write(keys, counts)
    return CountedTry(keys, account, address, tries_left(counts, now))


def _clamp_future_failures(keys: dict[CountedBy, str], now: datetime) -> None:
    """Move failures from the future (from before the clock was set back) to now: else their wait would last longer by as much."""
    SignInTries.objects.filter(key__in=keys.values(), last_at__gt=now + clock.SET_BACK).update(last_at=now)


def failed(attempt: CountedTry, whose: str, now: datetime) -> None:
    """Log the failure. `whose` must be a name that may be shown: what was typed may be a password in the wrong field."""
    left = wait(_counts(attempt.keys, _rows(attempt.keys.values())), now)
    then = f"; the next try has to wait {_spelled(max(1, round(left.total_seconds())))}" if left else ""
    log.warning("the sign-in of %s from %s failed%s", whose, attempt.address or "nowhere", then)


def succeeded(attempt: CountedTry, now: datetime) -> None:
    """Forget the failures of the account, and of the account from this address. The address keeps its own, but for this try.

    Otherwise somebody who guesses passwords could reset the address's count by signing in to an account of their own.
    """
    with transaction.atomic():
        counts = _counts(
            attempt.keys, SignInTries.objects.select_for_update().filter(key__in=attempt.keys.values()).order_by("key")
        )
        here = counts[CountedBy.ADDRESS]
        counts |= {
            CountedBy.PAIR: Failures(last_at=now, signed_in_at=now),
            CountedBy.ACCOUNT: Failures(last_at=now),
            CountedBy.ADDRESS: replace(here, count=max(here.count - 1, 0)),
        }
        _write(attempt.keys, counts)


def purge(now: datetime) -> int:
    """Delete counts that no longer matter. Returns how many."""
    old = SignInTries.objects.filter(last_at__lt=now - FORGET_AFTER).exclude(signed_in_at__gte=now - KNOWN_FOR)
    return old.delete()[0]


def _keys(account: str, address: str) -> dict[CountedBy, str]:
    whole = {CountedBy.PAIR: f"{account}\n{address}", CountedBy.ADDRESS: address, CountedBy.ACCOUNT: account}
    return {by: hashlib.sha256(f"{by}\n{what}".encode(errors="replace")).hexdigest() for by, what in whole.items()}


def _rows(keys: Iterable[str]) -> Iterable[SignInTries]:
    return SignInTries.objects.filter(key__in=keys)


def _counts(keys: dict[CountedBy, str], rows: Iterable[SignInTries]) -> FailureCounts:
    found = {row.key: Failures(row.failures, row.last_at, row.signed_in_at) for row in rows}
    return {by: found.get(key, Failures()) for by, key in keys.items()}


def _write(keys: dict[CountedBy, str], counts: FailureCounts) -> None:
    for by, failures in counts.items():
        changes = {"failures": failures.count, "last_at": failures.last_at, "signed_in_at": failures.signed_in_at}
        SignInTries.objects.filter(key=keys[by]).update(**changes)


def _raise_where_waiting(counts: FailureCounts, now: datetime) -> None:
    """Raise TooManyTries where one of the counts demands a wait."""
    if left := wait(counts, now):
        raise TooManyTries(left)


def _spelled(seconds: int) -> str:
    """A duration in words: "30 seconds", "4 minutes"; minutes are rounded up."""
    number, unit = (seconds, "second") if seconds < 60 else (-(-seconds // 60), "minute")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
