"""Leases: who may reconcile a scale set now.

A lease is taken by a conditional UPDATE by the database's clock; it never has two holders (measured on both databases).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from upgrades.models import ScaleSet, clock
from upgrades.models.prepared import Prepared, PreparedUpdate, PreparedUpdateOfOne

RECONCILE_LEASE = timedelta(seconds=3)


class LeaseLost(Exception):
    """Another process may be reconciling this scale set by now, so what was decided must not be recorded."""


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
    """Raise LeaseLost where another process has the lease, or it has run out: the facts that were read under it are old by then.

    The lease is never renewed: reconciling takes milliseconds, and where it was delayed it must not act on the time it began with.
    """
    if not _LEASED_ROW.rows(lease.scale_set_id, lease.number):
        raise LeaseLost


def _leased_row(scale_set_id: int, number: int) -> QuerySet[ScaleSet]:
    """The row of the scale set, as long as the lease with this number holds."""
    in_force = clock.is_held("lease_until", RECONCILE_LEASE)
    return ScaleSet.objects.filter(in_force, pk=scale_set_id, lease_number=number)


def give_back(lease: Lease) -> None:
    _GIVE_BACK(lease.scale_set_id, lease.number)


def give_back_for_another(lease: Lease, now: datetime) -> None:
    """Give back the lease and make the scale set due, so that the tick finds it even if nobody else reconciles it next."""
    _GIVE_BACK_DUE(lease.scale_set_id, lease.number, now)


def _free(scale_set_id: int) -> tuple[QuerySet[ScaleSet], dict[str, Any]]:
    free = ScaleSet.objects.filter(clock.is_over("lease_until", RECONCILE_LEASE), pk=scale_set_id)
    return free, {"lease_until": clock.in_time(RECONCILE_LEASE), "lease_number": clock.next_number("lease_number")}


_TAKE = PreparedUpdateOfOne(_free, returning="lease_number")
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
