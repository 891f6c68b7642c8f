"""Read only: the last attempts to upgrade a scale set, and how far each got."""

import calendar
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Count

from upgrades.models import InstanceUpgrade, RollingUpgrade, ScaleSet
from upgrades.models.rolling_upgrade import Progress, progress_from

MOST_ATTEMPTS = 5
MONTHS = 2


def attempts(row: ScaleSet, now: datetime) -> list[RollingUpgrade]:
    """S-49: the last five within two months, the newest first."""
    since = months_before(now, MONTHS)
    return list(row.upgrades.filter(started_at__gte=since)[:MOST_ATTEMPTS])


def months_before(at: datetime, months: int) -> datetime:
    """The same day and time so many months earlier; the month's last day where it has no such day."""
    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day)


def progress_of(upgrades: Sequence[RollingUpgrade]) -> dict[UUID, Progress]:
    """By upgrade id, in one query for those that have ended, and one for the one that runs."""
    ended = [one for one in upgrades if one.pending_at_end is not None]
    members = InstanceUpgrade.objects.filter(upgrade__in=ended).order_by()
    counts: dict[UUID, dict[str, int]] = defaultdict(dict)
    for pk, state, count in members.values_list("upgrade", "state").annotate(Count("pk")):
        counts[pk][state] = count
    running = {one.pk: one.progress() for one in upgrades if one.pending_at_end is None}
    return {**running, **{one.pk: progress_from(counts[one.pk], one.pending_at_end or 0) for one in ended}}
