"""How long a client that guesses at passwords and secrets has to wait. upgrades/sign_ins.py reads the rows and the clock."""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

FORGET_AFTER = timedelta(hours=1)  # after the last failure, all are forgotten
KNOWN_FOR = timedelta(days=30)  # how long an address from which the account signed in counts as its own
HOME_NETWORK_BITS = 64  # length of an IPv6 prefix: a client with one address usually has the whole network


class CountedBy(StrEnum):
    """What failures are counted by."""

    PAIR = "pair"  # this account from this address
    ADDRESS = "address"  # whatever account, from this address
    ACCOUNT = "account"  # this account, from whatever address


@dataclass(frozen=True, slots=True)
class Waits:
    """How waits grow: none for `free_failures`, then `first_wait`, which each further failure doubles, up to `max_wait`."""

    free_failures: int
    first_wait: timedelta
    max_wait: timedelta

    def wait(self, failures: int) -> timedelta:
        """The wait after this many failures, counted from the last one."""
        over = failures - self.free_failures
        return timedelta(0) if over < 0 else min(self.first_wait * 2 ** min(over, 20), self.max_wait)


# The wait by account is short, and does not count at an address from which the account has signed in before: anybody who knows the
# account's name can cause it, and must not lock out its owner.
LIMITS = {
    CountedBy.PAIR: Waits(free_failures=5, first_wait=timedelta(seconds=30), max_wait=timedelta(minutes=15)),
    CountedBy.ADDRESS: Waits(free_failures=20, first_wait=timedelta(seconds=30), max_wait=timedelta(minutes=15)),
    CountedBy.ACCOUNT: Waits(free_failures=10, first_wait=timedelta(seconds=15), max_wait=timedelta(minutes=1)),
}


@dataclass(frozen=True, slots=True)
class Failures:
    """How many sign-ins failed, when the last one did, and when this pair of account and address last signed in."""

    count: int = 0
    last_at: datetime | None = None
    signed_in_at: datetime | None = None

    def at(self, now: datetime) -> int:
        """How many failures still count. A last failure in the future (the clock was set back) counts as if it were now."""
        return self.count if self.last_at is not None and now - self.last_at < FORGET_AFTER else 0

    def is_known(self, now: datetime) -> bool:
        """Has the account signed in from this address lately?"""
        return self.signed_in_at is not None and now - self.signed_in_at < KNOWN_FOR


FailureCounts = dict[CountedBy, Failures]


def wait(counts: FailureCounts, now: datetime) -> timedelta:
    """How long the next sign-in has to wait: the longest of the waits that apply, or zero."""
    return max((_wait(by, failures, now) for by, failures in _applicable(counts, now).items()), default=timedelta(0))


def _wait(by: CountedBy, failures: Failures, now: datetime) -> timedelta:
    whole = LIMITS[by].wait(failures.at(now))
    since = max(now - failures.last_at, timedelta(0)) if failures.last_at is not None else timedelta(0)
    return max(whole - since, timedelta(0))


def tries_left(counts: FailureCounts, now: datetime) -> int:
    """How many sign-ins may still fail before the next one has to wait."""
    return max(min(LIMITS[by].free_failures - failures.at(now) for by, failures in _applicable(counts, now).items()), 0)


def _applicable(counts: FailureCounts, now: datetime) -> FailureCounts:
    if counts.get(CountedBy.PAIR, Failures()).is_known(now):
        return {by: failures for by, failures in counts.items() if by is not CountedBy.ACCOUNT}
    return counts


def network(address: str) -> str:
    """The key under which an address is counted: an IPv4 address itself, of an IPv6 address its /64 network."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:100]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, HOME_NETWORK_BITS), strict=False))
    return str(ip)
