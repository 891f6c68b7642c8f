"""The fleet stop: one person stops all automatic upgrades of the whole fleet."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

from upgrades.models.prepared import Prepared


class FleetStop(models.Model):
    """Who stopped all automatic upgrades, why, and until when. Stops that ended are kept; of open ones the newest counts."""

    owner = models.CharField(max_length=150)
    reason = models.CharField(max_length=500)
    created_at = models.DateTimeField()
    until = models.DateTimeField(null=True, help_text="Empty: until somebody ends it.")
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"all automatic upgrades stopped by {self.owner}"


_OPEN = Prepared(lambda: FleetStop.objects.filter(ended_at=None)[:1])
_SINCE = Prepared(lambda since: FleetStop.objects.filter(Q(ended_at=None) | Q(ended_at__gt=since)))


def open_fleet_stop() -> FleetStop | None:
    """The fleet stop that was not ended yet, or None. Its time may be over: then the next tick ends it."""
    return _OPEN.first()


def fleet_stop_in_force(now: datetime) -> FleetStop | None:
    return in_force_of(FleetStop.objects.filter(ended_at=None), now)


def in_force_of(stops: Iterable[FleetStop], now: datetime) -> FleetStop | None:
    """The first of these stops (newest first) that is in force now, or None."""
    return next(
        (
            fleet_stop
            for fleet_stop in stops
            if fleet_stop.ended_at is None and (fleet_stop.until is None or fleet_stop.until > now)
        ),
        None,
    )


def fleet_was_stopped_for(since: datetime, now: datetime) -> timedelta:
    """For how long the fleet was stopped between `since` and `now`, all in all."""
    return stopped_for(fleet_stops_since(since), since, now)


def fleet_stops_since(since: datetime) -> list[FleetStop]:
    """The fleet stops that are open, or ended after `since`."""
    return _SINCE.rows(since)


def stopped_for(stops: Iterable[FleetStop], since: datetime, now: datetime) -> timedelta:
    spans = (
        (max(since, fleet_stop.created_at), min(fleet_stop.ended_at or now, fleet_stop.until or now, now))
        for fleet_stop in stops
        if fleet_stop.created_at < now
    )
    return sum((end - begin for begin, end in spans if end > begin), timedelta(0))
