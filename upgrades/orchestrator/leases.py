"""Leases: the right of one process to reconcile a scale set for a few seconds.

A lease is taken with a conditional UPDATE by the database's clock, so that it never has two holders (measured on both databases).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from upgrades.models import ScaleSet, clock
from upgrades.models.prepared import Prepared, PreparedUpdate, PreparedUpdateOfOne

RECONCILE_LEASE = timedelta(seconds=3)


class LeaseLost(Exception):
    """The lease is not ours any more: another process may be reconciling this scale set, so nothing must be recorded."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to record steps for a scale set, as long as `number` is the one in its row."""

    scale_set_id: int
    number: int


def take(scale_set_id: int) -> Lease | None:
    """Take the lease. None where another process has it, or the scale set is gone."""
    number = _TAKE.value(scale_set_id)
    return None if number is None else Lease(scale_set_id, number)


def check(lease: Lease) -> None:
    """Raise LeaseLost where another process has the lease, or it has expired, since the facts that were read under it are old then.

    The lease is never renewed: reconciling takes milliseconds, and one that was delayed must not act on the time at which it began.
    """
    if not _LEASED_ROW.rows(lease.scale_set_id, lease.number):
        raise LeaseLost


def _leased_row(scale_set_id: int, number: int) -> QuerySet[ScaleSet]:
    """A query for the row of the scale set, which finds it while the lease with this number holds."""
    in_force = clock.is_held("lease_until", RECONCILE_LEASE)
    return ScaleSet.objects.filter(in_force, pk=scale_set_id, lease_number=number)


def give_back(lease: Lease) -> None:
    """End the lease, unless another process has it by now."""
    _GIVE_BACK(lease.scale_set_id, lease.number)


def give_back_and_make_due(lease: Lease, now: datetime) -> None:
    """Give back the lease and make the scale set due, so that the tick reconciles it even if nobody else does."""
    _GIVE_BACK_DUE(lease.scale_set_id, lease.number, now)


def _take_update(scale_set_id: int) -> tuple[QuerySet[ScaleSet], dict[str, Any]]:
    """(the row if nobody has its lease, the changes that take the lease)."""
    free = ScaleSet.objects.filter(clock.is_over("lease_until", RECONCILE_LEASE), pk=scale_set_id)
    return free, {"lease_until": clock.in_time(RECONCILE_LEASE), "lease_number": clock.next_number("lease_number")}


_TAKE = PreparedUpdateOfOne(_take_update, returning="lease_number")
_LEASED_ROW = Prepared(lambda pk, number: _leased_row(pk, number).order_by().values_list("pk", flat=True))
_GIVE_BACK = PreparedUpdate(
    lambda pk, number: (ScaleSet.objects.filter(pk=pk, lease_number=number), {"lease_until": None})
)
_GIVE_BACK_DUE = PreparedUpdate(
    lambda pk, number, now: (
        ScaleSet.objects.filter(pk=pk, lease_number=number),
        {"lease_until": None, "reconcile_at": now},
    )
)
