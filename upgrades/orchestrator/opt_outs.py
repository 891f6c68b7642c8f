"""Ends opt-outs and fleet stops whose time is over."""

from contextlib import suppress
from datetime import datetime

from django.db.models import Case, Value, When

from upgrades.feed.writing import writing
from upgrades.models import FleetStop, Instance, OptOut, ScaleSet

ITS_TIME = "its own time limit"


def end_expired_opt_outs(scale_set_id: int, now: datetime) -> None:
    """End the opt-outs whose time is over, with an event for each instance. Where a person is ending one (`ending_by`), it names them."""
    expired = OptOut.objects.filter(instance__scale_set=scale_set_id, ended_at=None, until__lte=now)
    with writing(now, scale_set_id) as writer:
        given_up, over = expired.exclude(ending_by=""), expired.filter(ending_by="")
        back, out = (list(Instance.objects.filter(opt_outs__in=those)) for those in (given_up, over))
        expired.update(ended_at=now, ended_by=Case(When(ending_by="", then=Value(ITS_TIME)), default="ending_by"))
        writer.changed(*back, note="Opted in again.")
        writer.changed(*out, note="Its opt-out expired.")


def end_expired_fleet_stop(now: datetime) -> None:
    """End the fleet stop whose time is over, with an event in every scale set.

    Does nothing where a scale set was deleted at the same time: the next tick tries again.
    """
    expired = FleetStop.objects.filter(ended_at=None, until__lte=now)
    if not expired.exists():
        return
    with suppress(ScaleSet.DoesNotExist), writing(now, *ScaleSet.objects.values_list("pk", flat=True)) as writer:
        if expired.update(ended_at=now, ended_by=ITS_TIME):
            writer.changed(*writer.scale_sets)
            writer.wake()
