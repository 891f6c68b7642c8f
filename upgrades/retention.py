"""Deleting rows whose time is over, a little at once, so that no writer has to wait for it.

Each step is one short transaction. A call takes steps for a moment and returns whether more is left; the task then sends another call, so
that writers come in between. Nothing is deleted that is under way, or that decisions still use: running upgrades, the last attempts of
each scale set, the upgrade that an instance shows, operations that have not ended, opt-outs in force.

If the clock jumps ahead by more than history is kept, all of it looks old. So history is deleted only where something was written between
a week and a day ago: after such a jump nothing was.
"""

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery

from upgrades.commands import async_operations
from upgrades.models import (
    AsyncOperation,
    AuditEntry,
    Event,
    FleetStop,
    Instance,
    InstanceUpgrade,
    OptOut,
    RequestedOperation,
    RollingUpgrade,
    ScaleSet,
    Transition,
)

KEEP_EVENTS = timedelta(hours=24)  # only the feed reads them; history reads transitions
KEEP_UPGRADES = 10  # the latest of each scale set and kind: five are shown, and the wait between attempts counts more
MAX_ROWS_AT_ONCE = 200  # small rows deleted in one transaction
EVENTS_AT_ONCE = 25  # fewer, since events may be large
WORK_SECONDS = 0.05  # how long one call goes on
# Something must have been written between so long ago.
WRITTEN_AFTER, WRITTEN_BEFORE = timedelta(days=7), timedelta(days=1)


def purge(now: datetime, seconds: float = WORK_SECONDS) -> bool:
    """Delete old rows for at most `seconds`. True where some are left. At the end SQLite's write-ahead log is checkpointed."""
    end, forgotten = time.monotonic() + seconds, 0
    for job in (*JOBS, *(HISTORY_JOBS if _was_written_lately(now) else ())):
        while count := job(now):
            forgotten += count
            if time.monotonic() >= end:
                return True
    if forgotten:
        _shrink()
    return False


def _shrink() -> None:
    """Checkpoint SQLite's write-ahead log as far as no reader needs it. PASSIVE: nobody waits for it."""
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _was_written_lately(now: datetime) -> bool:
    """Whether something was written between WRITTEN_AFTER and WRITTEN_BEFORE ago, by the present clock."""
    days = {"at__gte": now - WRITTEN_AFTER, "at__lt": now - WRITTEN_BEFORE}
    changes = Transition.objects.filter(scale_set=OuterRef("pk"), **days)
    return AuditEntry.objects.filter(**days).exists() or ScaleSet.objects.filter(Exists(changes)).exists()


def _past(now: datetime) -> datetime:
    return now - timedelta(days=settings.KEEP_HISTORY_DAYS)


def _delete(rows: QuerySet, max_rows: int) -> int:  # type: ignore[type-arg]  # of any model
    """Delete at most `most` of these rows, which are selected before anything is locked. Returns how many rows were deleted."""
    ids = list(rows.values_list("pk", flat=True)[:max_rows])
    return rows.model._base_manager.filter(pk__in=ids).delete()[0] if ids else 0


def _events(now: datetime) -> int:
    return _delete(Event.objects.filter(at__lt=now - KEEP_EVENTS).order_by("at"), EVENTS_AT_ONCE)


def _transitions(now: datetime) -> int:
    """Delete transitions of one scale set at a time, since the index is by scale set and time."""
    old = Transition.objects.filter(at__lt=_past(now))
    has_some = ScaleSet.objects.filter(Exists(old.filter(scale_set=OuterRef("pk"))))
    first = has_some.order_by("pk").values_list("pk", flat=True).first()
    return _delete(old.filter(scale_set=first), MAX_ROWS_AT_ONCE) if first else 0


def _audit_entries(now: datetime) -> int:
    return AuditEntry.objects.all().forget(_past(now), MAX_ROWS_AT_ONCE)


def _opt_outs(now: datetime) -> int:
    return _delete(OptOut.objects.filter(ended_at__lt=_past(now)), MAX_ROWS_AT_ONCE)


def _fleet_stops(now: datetime) -> int:
    return _delete(FleetStop.objects.filter(ended_at__lt=_past(now)), MAX_ROWS_AT_ONCE)


def _upgrades(now: datetime) -> int:
    """Delete one old upgrade with its batches and members, in one transaction: an upgrade is kept whole or not at all."""
    newer = RollingUpgrade.objects.filter(
        scale_set=OuterRef("scale_set"), kind=OuterRef("kind"), started_at__gt=OuterRef("started_at")
    )
    counted = newer.order_by().values("scale_set").annotate(count=Count("pk")).values("count")
    is_shown = Exists(Instance.objects.filter(member__upgrade=OuterRef("pk")))
    old = RollingUpgrade.objects.filter(ended_at__lt=_past(now)).exclude(is_shown)
    row = old.alias(newer=Subquery(counted)).filter(newer__gte=KEEP_UPGRADES).order_by("started_at").first()
    return _delete_upgrade(row) if row else 0


def _delete_upgrade(row: RollingUpgrade) -> int:
    with transaction.atomic():
        members = InstanceUpgrade.objects.filter(upgrade=row)
        count = members._raw_delete(members.db) + row.batches.all().delete()[0]
        return count + row.delete()[0]


def _operations(now: datetime) -> int:
    """Delete operations that ended a week ago. Old ones that no client polled get their end in `_settle_operations` first."""
    latest = AsyncOperation.objects.order_by("-started_at").values_list("pk", flat=True)[: async_operations.MIN_KEPT]
    old = AsyncOperation.objects.filter(started_at__lt=now - async_operations.KEPT).exclude(pk__in=list(latest))
    return _delete(old.filter(ended_at__lt=now - async_operations.KEPT), MAX_ROWS_AT_ONCE)


def _requested_operations(now: datetime) -> int:
    """Delete what was asked for on single instances, once the request that a client polls has its end (`_settle_operations`)."""
    requests = AsyncOperation.objects.filter(pk=OuterRef("request"), status="")
    old = RequestedOperation.objects.filter(asked_at__lt=now - async_operations.KEPT).exclude(Exists(requests))
    return _delete(old, MAX_ROWS_AT_ONCE)


def _settle_operations(now: datetime) -> int:
    old = AsyncOperation.objects.filter(started_at__lt=now - async_operations.KEPT, status="")
    for row in old.order_by("started_at").iterator():
        if async_operations.store_outcome(row, now).status:
            return 1
    return 0


def _sessions(now: datetime) -> int:
    return _delete(Session.objects.filter(expire_date__lt=now), MAX_ROWS_AT_ONCE)


def _admin_log(now: datetime) -> int:
    return _delete(LogEntry.objects.filter(action_time__lt=_past(now)), MAX_ROWS_AT_ONCE)


JOBS = (_events, _settle_operations, _operations, _requested_operations, _sessions)
HISTORY_JOBS = (_transitions, _audit_entries, _opt_outs, _fleet_stops, _upgrades, _admin_log)
