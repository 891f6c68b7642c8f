"""Which of the keys that tokens are signed with count."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from upgrades.models import sealing
from upgrades.models.access import TokenKey

# Longer than a token lives: what was signed just before a renewal is good until its own end.
KEPT_AFTER_RENEWAL = timedelta(days=1)


def in_force(now: datetime) -> list[TokenKey]:
    """The keys whose tokens count, the newest first."""
    return [row for row in in_time(TokenKey.objects.all(), now) if is_readable(row)]


def in_time(rows: Iterable[TokenKey], now: datetime) -> list[TokenKey]:
    """The newest of these, and each that was replaced only a short while ago. `rows`: the newest first."""
    found = list(rows)
    renewals = [now, *(row.created_at for row in found)]
    return [row for row, renewed_at in zip(found, renewals, strict=False) if now - renewed_at < KEPT_AFTER_RENEWAL]


def is_readable(row: TokenKey) -> bool:
    """Whether the key is of this installation: sealed with a secret key that is still known."""
    try:
        return bool(sealing.unseal(row.sealed_key))
    except sealing.Unreadable:
        return False
