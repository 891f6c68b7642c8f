"""Opt-outs, and stops of the whole fleet, end by themselves."""

from contextlib import suppress
from datetime import datetime

from django.db.models import Case, Value, When

from upgrades.feed.writing import writing
from upgrades.models import FleetStop, Instance, OptOut, ScaleSet

ITS_TIME = "its own time limit"


def end_expired_opt_outs(scale_set_id: int, now: datetime) -> None:
    """Ends those whose time is past, visibly: from then on the instance counts as any other."""
    expired = OptOut.objects.filter(instance__scale_set=scale_set_id, ended_at=None, until__lte=now)
    with writing(now, scale_set_id) as w:
        given_up, over = expired.exclude(ending_by=""), expired.filter(ending_by="")
        back, out = (list(Instance.objects.filter(opt_outs__in=those)) for those in (given_up, over))
        expired.update(ended_at=now, ended_by=Case(When(ending_by="", then=Value(ITS_TIME)), default="ending_by"))
        w.changed(*back, note="Opted in again.")
        w.changed(*out, note="Its opt-out expired.")


def end_expired_fleet_stop(now: datetime) -> None:
    """Ends the stop of the fleet whose time is past, visibly in every scale set.

    Where a scale set went away in the middle of it, the next tick does it.
    """
    expired = FleetStop.objects.filter(ended_at=None, until__lte=now)
    if not expired.exists():
        return
    with suppress(ScaleSet.DoesNotExist), writing(now, *ScaleSet.objects.values_list("pk", flat=True)) as w:
        if expired.update(ended_at=now, ended_by=ITS_TIME):
            w.changed(*w.scale_sets)
            w.wake()
