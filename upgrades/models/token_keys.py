"""Which keys are valid for checking the signatures of tokens."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from upgrades.models import sealing
from upgrades.models.access import TokenKey

# Longer than a token lives, so that a token that was signed just before a renewal is valid until its own end.
KEPT_AFTER_RENEWAL = timedelta(days=1)


def in_force(now: datetime) -> list[TokenKey]:
    """The keys whose tokens are valid, newest first."""
    return [row for row in in_time(TokenKey.objects.all(), now) if is_readable(row)]


def in_time(rows: Iterable[TokenKey], now: datetime) -> list[TokenKey]:
    """The newest key, and each that was replaced less than KEPT_AFTER_RENEWAL ago. `rows`: newest first."""
    found = list(rows)
    renewals = [now, *(row.created_at for row in found)]
    return [row for row, renewed_at in zip(found, renewals, strict=False) if now - renewed_at < KEPT_AFTER_RENEWAL]


def is_readable(row: TokenKey) -> bool:
    """Whether the key can be unsealed: it was sealed with a secret key that is still known."""
    try:
        return bool(sealing.unseal(row.sealed_key))
    except sealing.Unreadable:
        return False
