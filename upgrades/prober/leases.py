"""Which scale sets this prober probes. Two probers share them; one that dies loses its own within three seconds."""

from datetime import timedelta

from django.db import transaction
from django.db.models import Q

from upgrades.models import ScaleSet, clock
from upgrades.models.scale_set import locked_in_order

LEASE = timedelta(seconds=3)


def claim(prober: str) -> dict[int, int]:
    """Takes every scale set that nobody probes and renews those held. Answers {scale set id: seq}."""
    free = Q(prober=prober) | clock.is_over("prober_until", LEASE)
    with transaction.atomic():
        ids = locked_in_order(ScaleSet.objects.filter(free))
        ScaleSet.objects.filter(pk__in=ids).update(prober=prober, prober_until=clock.in_time(LEASE))
    return dict(ScaleSet.objects.filter(prober=prober).values_list("pk", "seq"))


def heads(prober: str) -> dict[int, int]:
    """{scale set id: seq} of those held: where the seq moved there is news."""
    return dict(ScaleSet.objects.filter(prober=prober).values_list("pk", "seq"))


def give_back(prober: str) -> None:
    with transaction.atomic():
        ids = locked_in_order(ScaleSet.objects.filter(prober=prober))
        ScaleSet.objects.filter(pk__in=ids).update(prober="", prober_until=None)
