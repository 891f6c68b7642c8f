"""The cord: one person stops every automatic upgrade of the whole fleet."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q


class FleetStop(models.Model):
    """Who stopped all automatic upgrades, why, until when. Ended ones are kept for the record; the newest open one counts."""

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


def open_fleet_stop() -> FleetStop | None:
    """The one that nobody ended; past its time it is ended by the next tick."""
    return FleetStop.objects.filter(ended_at=None).first()


def fleet_stop_in_force(now: datetime) -> FleetStop | None:
    return FleetStop.objects.filter(Q(until=None) | Q(until__gt=now), ended_at=None).first()


def fleet_was_stopped_for(since: datetime, now: datetime) -> timedelta:
    """How long all in all, from `since` on."""
    stops = FleetStop.objects.filter(Q(ended_at=None) | Q(ended_at__gt=since), created_at__lt=now)
    spans = ((max(since, one.created_at), min(one.ended_at or now, one.until or now, now)) for one in stops)
    return sum((end - begin for begin, end in spans if end > begin), timedelta(0))
