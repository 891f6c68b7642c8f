"""How long whoever guesses at passwords and secrets has to wait. Pure: rows and clocks are upgrades/sign_ins.py's."""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

FORGET_AFTER = timedelta(hours=1)  # without another failure
KNOWN_FOR = timedelta(days=30)  # an address from which the account has signed in
HOME_NETWORK_BITS = 64  # whoever has one address of IPv6 has all of these


class By(StrEnum):
    """What failures are counted by."""

    PAIR = "pair"  # this account from this address
    ADDRESS = "address"  # whatever account, from this address
    ACCOUNT = "account"  # this account, from whatever address


@dataclass(frozen=True, slots=True)
class Limit:
    """Failures that cost no wait; then the first wait, doubled with each further failure up to the longest."""

    free: int
    first: timedelta
    longest: timedelta

    def wait(self, failures: int) -> timedelta:
        """From the last failure on."""
        over = failures - self.free
        return timedelta(0) if over < 0 else min(self.first * 2 ** min(over, 20), self.longest)


# An account's own wait is short, and none for an address from which it has signed in before: anybody can bring it about who knows the
# name, and its owner must not be locked out by that.
LIMITS = {
    By.PAIR: Limit(free=5, first=timedelta(seconds=30), longest=timedelta(minutes=15)),
    By.ADDRESS: Limit(free=20, first=timedelta(seconds=30), longest=timedelta(minutes=15)),
    By.ACCOUNT: Limit(free=10, first=timedelta(seconds=15), longest=timedelta(minutes=1)),
}


@dataclass(frozen=True, slots=True)
class Failures:
    """How many there have been, the last when; and when this pair last signed in."""

    count: int = 0
    last_at: datetime | None = None
    signed_in_at: datetime | None = None

    def at(self, now: datetime) -> int:
        """How many still count. One that lies ahead, by a clock that was set back, counts as of now."""
        return self.count if self.last_at is not None and now - self.last_at < FORGET_AFTER else 0

    def is_known(self, now: datetime) -> bool:
        return self.signed_in_at is not None and now - self.signed_in_at < KNOWN_FOR


Counts = dict[By, Failures]


def wait(counts: Counts, now: datetime) -> timedelta:
    """How long the next try has to wait; zero where it need not."""
    return max((_wait(by, failures, now) for by, failures in _counted(counts, now).items()), default=timedelta(0))


def _wait(by: By, failures: Failures, now: datetime) -> timedelta:
    whole = LIMITS[by].wait(failures.at(now))
    since = max(now - failures.last_at, timedelta(0)) if failures.last_at is not None else timedelta(0)
    return max(whole - since, timedelta(0))


def tries_left(counts: Counts, now: datetime) -> int:
    """How many may fail before the next one has to wait."""
    return max(min(LIMITS[by].free - failures.at(now) for by, failures in _counted(counts, now).items()), 0)


def _counted(counts: Counts, now: datetime) -> Counts:
    if counts.get(By.PAIR, Failures()).is_known(now):
        return {by: failures for by, failures in counts.items() if by is not By.ACCOUNT}
    return counts


def network(address: str) -> str:
    """What counts as one address: one of IPv4, a home's network of IPv6."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:100]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, HOME_NETWORK_BITS), strict=False))
    return str(ip)
