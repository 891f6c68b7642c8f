"""The fleet stop: stopping every automatic upgrade of the fleet at once, and letting go again."""

from datetime import datetime, timedelta

from upgrades.commands import lookup
from upgrades.commands.audit import audited, note
from upgrades.commands.errors import Refused
from upgrades.commands.opt_outs import checked_reason, checked_until
from upgrades.core.auditing import Kind
from upgrades.core.sentences import in_utc
from upgrades.feed.writing import writing
from upgrades.models import FleetStop, ScaleSet
from upgrades.models.fleet_stop import open_fleet_stop

DEFAULT_LENGTH = timedelta(days=1)  # never silently for ever


@lookup.retry_on_conflict
@audited("FleetStopped", Kind.FLEET)
def stop_fleet(*, reason: str, owner: str, now: datetime, until: datetime | None = None) -> FleetStop:
    """No upgrade of the platform's begins, and none goes on after its batch, for a day unless said otherwise. Raises Refused.

    One that is in force already is replaced: the last word counts.
    """
    reason = checked_reason(reason, "a stop of the fleet")
    checked_until(until, now, "a stop of the fleet")
    with writing(now, *ScaleSet.objects.values_list("pk", flat=True)) as w:
        before = _described(open_fleet_stop())
        _end(owner, now)
        row = FleetStop.objects.create(owner=owner, reason=reason, created_at=now, until=until or now + DEFAULT_LENGTH)
        w.changed(*w.scale_sets)
        w.wake()
        says = f"Stopped all automatic upgrades until {in_utc(row.until) if row.until else 'further notice'}: {reason}"
        note(says, before=before, after=_described(row), object_id=row.pk)
    return row


@lookup.retry_on_conflict
@audited("FleetStopEnded", Kind.FLEET)
def end_fleet_stop(*, by: str, now: datetime) -> FleetStop:
    """Automatic upgrades go on. Raises Refused where none is stopped."""
    with writing(now, *ScaleSet.objects.values_list("pk", flat=True)) as w:
        row = open_fleet_stop()
        if row is None:
            raise Refused("Conflict", "automatic upgrades are not stopped")
        note("Let all automatic upgrades go on.", before=_described(row), object_id=row.pk)
        _end(by, now)
        row.refresh_from_db()
        w.changed(*w.scale_sets)
        w.wake()
    return row


def _described(row: FleetStop | None) -> dict[str, object]:
    return {"owner": row.owner, "reason": row.reason, "since": row.created_at, "until": row.until} if row else {}


def _end(by: str, now: datetime) -> None:
    FleetStop.objects.filter(ended_at=None).update(ended_at=now, ended_by=by)
