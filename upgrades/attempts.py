"""Read only: the last attempts to upgrade a scale set, and how far each got."""

import calendar
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q

from upgrades.core import health, messages
from upgrades.core.facts import Member
from upgrades.core.progress import Progress, progress_from
from upgrades.core.states import HAS_FAILED, INSTANCE_FAILED, MemberState, StartedBy, UpgradeKind, UpgradeStatus
from upgrades.models import InstanceUpgrade, RollingUpgrade, ScaleSet

MAX_ATTEMPTS = 5
MONTHS = 2
HEALTH_ERROR = "RollingUpgradeInstanceUnhealthyError"
HEALTH_MESSAGE = "Instance found to be unhealthy or unreachable."


def attempts(row: ScaleSet, now: datetime) -> list[RollingUpgrade]:
    """S-49: the last five within two months, the newest first. Upgrades of the extensions are none (Z-4.5), nor is one by hand that
    found nothing to do: such would push out those that say something."""
    found = row.upgrades.filter(kind=UpgradeKind.IMAGE, started_at__gte=months_before(now, MONTHS))
    touched = InstanceUpgrade.objects.filter(upgrade=OuterRef("pk"))
    is_empty = Q(status=UpgradeStatus.COMPLETED, started_by=StartedBy.USER) & ~Exists(touched)
    return list(found.exclude(is_empty)[:MAX_ATTEMPTS])


def months_before(at: datetime, months: int) -> datetime:
    """The same day and time so many months earlier; the month's last day where it has no such day."""
    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day)


def progress_of(upgrades: Sequence[RollingUpgrade]) -> dict[UUID, Progress]:
    """By upgrade id. Those that have ended have it in their record; those from before there were records share one query."""
    older = [one for one in upgrades if one.record is None and one.pending_at_end is not None]
    members = InstanceUpgrade.objects.filter(upgrade__in=older).order_by()
    counts: dict[UUID, dict[str, int]] = defaultdict(dict)
    for pk, state, count in members.values_list("upgrade", "state").annotate(Count("pk")) if older else ():
        counts[pk][state] = count
    known = {one.pk: progress_from(counts[one.pk], one.pending_at_end or 0) for one in older}
    return {one.pk: known.get(one.pk) or one.progress() for one in upgrades}


def error_details(upgrade: RollingUpgrade, set_name: str, numbers: Iterable[int]) -> list[dict[str, Any]]:
    """details[] of an error: each of these instances, with what went wrong with it (Z-1.6)."""
    wanted = list(numbers)
    rows = upgrade.members.filter(instance_number__in=wanted).exclude(error_code="")
    said = {
        number: (code, text)
        for number, code, text in rows.values_list("instance_number", "error_code", "error_message")
    }
    return [_detail(set_name, number, *said.get(number, (HEALTH_ERROR, HEALTH_MESSAGE))) for number in wanted]


def _detail(set_name: str, number: int, code: str, message: str) -> dict[str, Any]:
    return {"code": code, "target": f"{set_name}/virtualMachines/{number}", "message": message}


def error_of(upgrade: RollingUpgrade, set_name: str) -> dict[str, Any] | None:
    """What stopped it; while it goes on, that some instances have failed, where they have (Z-1.6)."""
    if upgrade.error or upgrade.ended_at:
        return upgrade.error
    members = upgrade.members.order_by("instance_number").values_list("instance_number", "state")
    upgraded = health.upgraded(Member(number, MemberState(state)) for number, state in members)
    failed = [one.instance for one in upgraded if one.state in HAS_FAILED]
    if not failed:
        return None
    message = messages.with_failed(len(failed), len(upgraded))
    return {"code": INSTANCE_FAILED, "message": message, "details": error_details(upgrade, set_name, failed)}


@dataclass(frozen=True, slots=True)
class Rollback:
    """How many old OS disks were put back, how many could not be, and why the first of those could not."""

    succeeded: int = 0
    failed: int = 0
    error: str = ""


def rollbacks_of(upgrades: Sequence[RollingUpgrade]) -> dict[UUID, Rollback]:
    """By upgrade id, in one query."""
    members = InstanceUpgrade.objects.filter(upgrade__in=upgrades).order_by("instance_number")
    tried = members.filter(Q(state=MemberState.ROLLED_BACK) | ~Q(rollback_error=""))
    found: dict[UUID, Rollback] = {one.pk: Rollback() for one in upgrades}
    for pk, error in tried.values_list("upgrade", "rollback_error"):
        so_far = found[pk]
        found[pk] = Rollback(so_far.succeeded + (not error), so_far.failed + bool(error), so_far.error or error)
    return found
