"""Begins and ends the fleet stop, which holds all automatic upgrades of the fleet."""

from datetime import datetime, timedelta

from upgrades.commands import lookup
from upgrades.commands.audit import audited, note
from upgrades.commands.errors import Refused
from upgrades.commands.opt_outs import checked_reason, checked_until
from upgrades.core.auditing import ObjectKind
from upgrades.core.sentences import in_utc
from upgrades.feed.writing import writing
from upgrades.models import FleetStop, ScaleSet
from upgrades.models.fleet_stop import open_fleet_stop

DEFAULT_DURATION = timedelta(days=1)  # nothing is stopped for ever just because nobody gave an end


@lookup.retry_on_conflict
@audited("FleetStopped", ObjectKind.FLEET)
def stop_fleet(*, reason: str, owner: str, now: datetime, until: datetime | None = None) -> FleetStop:
    """Stop all automatic upgrades until `until` (None: for a day): none begins, and running ones stop after their batch. Raises Refused.

    A fleet stop that is in force already is replaced.
    """
    reason = checked_reason(reason, "a stop of the fleet")
    checked_until(until, now, "a stop of the fleet")
    with writing(now, *ScaleSet.objects.values_list("pk", flat=True)) as writer:
        before = _audit_values(open_fleet_stop())
        _end(owner, now)
        row = FleetStop.objects.create(
            owner=owner, reason=reason, created_at=now, until=until or now + DEFAULT_DURATION
        )
        writer.changed(*writer.scale_sets)
        writer.wake()
        summary = (
            f"Stopped all automatic upgrades until {in_utc(row.until) if row.until else 'further notice'}: {reason}"
        )
        note(summary, before=before, after=_audit_values(row), object_id=row.pk)
    return row


@lookup.retry_on_conflict
@audited("FleetStopEnded", ObjectKind.FLEET)
def end_fleet_stop(*, by: str, now: datetime) -> FleetStop:
    """End the fleet stop: automatic upgrades go on. Raises Refused where there is none."""
    with writing(now, *ScaleSet.objects.values_list("pk", flat=True)) as writer:
        row = open_fleet_stop()
        if row is None:
            raise Refused("Conflict", "automatic upgrades are not stopped")
        note("Let all automatic upgrades go on.", before=_audit_values(row), object_id=row.pk)
        _end(by, now)
        row.refresh_from_db()
        writer.changed(*writer.scale_sets)
        writer.wake()
    return row


def _audit_values(row: FleetStop | None) -> dict[str, object]:
    return {"owner": row.owner, "reason": row.reason, "since": row.created_at, "until": row.until} if row else {}


def _end(by: str, now: datetime) -> None:
    FleetStop.objects.filter(ended_at=None).update(ended_at=now, ended_by=by)
