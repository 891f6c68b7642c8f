"""Who looks at a scale set now. A conditional UPDATE by the database's clock; never two holders (measured on both databases)."""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet

from upgrades.models import ScaleSet, clock

LOOK_LEASE = timedelta(seconds=3)


class LeaseLost(Exception):
    """Somebody else looks at this scale set by now; what was decided is not to be recorded."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to record steps for a scale set, as long as `number` is the one in its row."""

    scale_set_id: int
    number: int


def take(scale_set_id: int) -> Lease | None:
    """The lease, or None where somebody else has it (or the scale set is gone)."""
    free = ScaleSet.objects.filter(clock.is_over("lease_until", LOOK_LEASE), pk=scale_set_id)
    with transaction.atomic():
        taken = free.update(lease_until=clock.in_time(LOOK_LEASE), lease_number=clock.next_number("lease_number"))
        if not taken:
            return None
        return Lease(scale_set_id, ScaleSet.objects.values_list("lease_number", flat=True).get(pk=scale_set_id))


def check(lease: Lease) -> None:
    """Raises LeaseLost where somebody else has it, and where its time is over: what was looked at then is old news.

    It is never renewed: a look takes milliseconds, and one that was held up must not act on the time that it began with.
    """
    if not held(lease).exists():
        raise LeaseLost


def held(lease: Lease) -> QuerySet[ScaleSet]:
    """The row of the scale set, as long as the lease holds."""
    in_force = clock.is_held("lease_until", LOOK_LEASE)
    return ScaleSet.objects.filter(in_force, pk=lease.scale_set_id, lease_number=lease.number)


def give_back(lease: Lease) -> None:
    ScaleSet.objects.filter(pk=lease.scale_set_id, lease_number=lease.number).update(lease_until=None)
