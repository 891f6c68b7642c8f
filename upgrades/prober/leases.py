"""Which scale sets this prober probes. Two probers share them; one that dies loses its own within three seconds."""

from datetime import timedelta

from django.db.models import Q

from upgrades.models import ScaleSet, clock

LEASE = timedelta(seconds=3)


def claim(prober: str) -> dict[int, int]:
    """Takes every scale set that nobody probes and renews those held. Answers {scale set id: seq}."""
    free = Q(prober=prober) | clock.is_over("prober_until", LEASE)
    ScaleSet.objects.filter(free).update(prober=prober, prober_until=clock.in_time(LEASE))
    return dict(ScaleSet.objects.filter(prober=prober).values_list("pk", "seq"))


def heads(prober: str) -> dict[int, int]:
    """{scale set id: seq} of those held: where the seq moved there is news."""
    return dict(ScaleSet.objects.filter(prober=prober).values_list("pk", "seq"))


def give_back(prober: str) -> None:
    ScaleSet.objects.filter(prober=prober).update(prober="", prober_until=None)
