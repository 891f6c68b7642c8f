"""Ends opt-outs and fleet stops whose time is over."""

from contextlib import suppress
from datetime import datetime

from django.db.models import Case, Value, When

from upgrades.feed.writing import writing
from upgrades.models import FleetStop, Instance, OptOut, ScaleSet

ENDED_BY_TIME_LIMIT = "its own time limit"


def end_expired_opt_outs(scale_set_id: int, now: datetime) -> None:
    """End the opt-outs whose time is over, with an event for each instance.

    The column `ending_by` names the person who opted the instance in with a delay, which ends now; it is "" where the opt-out expired.
    """
    expired = OptOut.objects.filter(instance__scale_set=scale_set_id, ended_at=None, until__lte=now)
    with writing(now, scale_set_id) as writer:
        opted_in = list(Instance.objects.filter(opt_outs__in=expired.exclude(ending_by="")))
        others = list(Instance.objects.filter(opt_outs__in=expired.filter(ending_by="")))
        expired.update(
            ended_at=now, ended_by=Case(When(ending_by="", then=Value(ENDED_BY_TIME_LIMIT)), default="ending_by")
        )
        writer.changed(*opted_in, note="Opted in again.")
        writer.changed(*others, note="Its opt-out expired.")


def end_expired_fleet_stop(now: datetime) -> None:
    """End the fleet stop whose time is over, with an event in every scale set.

    Does nothing where a scale set was deleted at the same time: the next tick tries again.
    """
    expired = FleetStop.objects.filter(ended_at=None, until__lte=now)
    if not expired.exists():
        return
    with suppress(ScaleSet.DoesNotExist), writing(now, *ScaleSet.objects.values_list("pk", flat=True)) as writer:
        if expired.update(ended_at=now, ended_by=ENDED_BY_TIME_LIMIT):
            writer.changed(*writer.scale_sets)
            writer.wake()
