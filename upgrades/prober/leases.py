"""Which scale sets this prober probes. Several probers share them; a dead prober's scale sets are free after three seconds."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from upgrades.models import ScaleSet, clock
from upgrades.models.prepared import Prepared, PreparedUpdate
from upgrades.models.scale_set import locked_in_order

LEASE = timedelta(seconds=3)


def claim(prober: str) -> dict[int, int]:
    """Take every scale set of this process' queue that nobody probes, and renew the leases of those held.

    Returns {scale set id: seq} of all held. A provider is asked on its own host only: elsewhere its machines would seem to be gone.
    """
    with transaction.atomic():
        ids = _FREE.rows(prober, settings.ROLLGRID_QUEUE)
        if ids:
            _TAKE(prober, ids)
    return heads(prober)


# In ascending order, as `locked_in_order` has it.
_FREE = Prepared(
    lambda prober, queue: (
        ScaleSet.objects.filter(Q(prober=prober) | clock.is_over("prober_until", LEASE), location__queue=queue)
        .select_for_update(of=("self",))
        .order_by("pk")
        .values_list("pk", flat=True)
    )
)
_TAKE = PreparedUpdate(
    lambda prober, ids: (
        ScaleSet.objects.filter(pk__in=ids),
        {"prober": prober, "prober_until": clock.in_time(LEASE)},
    )
)


def heads(prober: str) -> dict[int, int]:
    """{scale set id: seq} of all held: where the seq has moved there is news. Without those whose location got another queue."""
    return dict(_HEADS.rows(prober, settings.ROLLGRID_QUEUE))


_HEADS = Prepared(
    lambda prober, queue: (
        ScaleSet.objects.filter(prober=prober, location__queue=queue).order_by().values_list("pk", "seq")
    )
)


def give_back(prober: str) -> None:
    with transaction.atomic():
        ids = locked_in_order(ScaleSet.objects.filter(prober=prober))
        ScaleSet.objects.filter(pk__in=ids).update(prober="", prober_until=None)
