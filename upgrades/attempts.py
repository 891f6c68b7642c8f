"""Read only: the last attempts to upgrade a scale set, and how far each got."""

import calendar
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q

from upgrades.core import health
from upgrades.core.catalogue import say
from upgrades.core.facts import InstanceUpgradeFacts
from upgrades.core.progress import Progress, progress_from
from upgrades.core.states import (
    HAS_FAILED,
    INSTANCE_FAILED,
    InstanceUpgradeState,
    StartedBy,
    UpgradeKind,
    UpgradeStatus,
)
from upgrades.models import InstanceUpgrade, RollingUpgrade, ScaleSet

MAX_ATTEMPTS = 5
MONTHS = 2
HEALTH_ERROR = "RollingUpgradeInstanceUnhealthyError"
HEALTH_MESSAGE = "Instance found to be unhealthy or unreachable."


def attempts(row: ScaleSet, now: datetime) -> list[RollingUpgrade]:
    """The last five attempts within two months, newest first (S-49).

    Upgrades of extensions do not count (Z-4.5), nor do upgrades by hand that found nothing to do: they would push out meaningful ones.
    """
    found = row.upgrades.filter(kind=UpgradeKind.IMAGE, started_at__gte=months_before(now, MONTHS))
    touched = InstanceUpgrade.objects.filter(upgrade=OuterRef("pk"))
    is_empty = Q(status=UpgradeStatus.COMPLETED, started_by=StartedBy.USER) & ~Exists(touched)
    return list(found.exclude(is_empty)[:MAX_ATTEMPTS])


def months_before(at: datetime, months: int) -> datetime:
    """The same day and time `months` earlier; the last day of that month where it has no such day."""
    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day)


def progress_of(upgrades: Sequence[RollingUpgrade]) -> dict[UUID, Progress]:
    """{upgrade id: progress}. Upgrades that ended before records were kept are counted in one query for all of them."""
    older = [upgrade for upgrade in upgrades if upgrade.record is None and upgrade.pending_at_end is not None]
    members = InstanceUpgrade.objects.filter(upgrade__in=older).order_by()
    counts: dict[UUID, dict[str, int]] = defaultdict(dict)
    for pk, state, count in members.values_list("upgrade", "state").annotate(Count("pk")) if older else ():
        counts[pk][state] = count
    known = {upgrade.pk: progress_from(counts[upgrade.pk], upgrade.pending_at_end or 0) for upgrade in older}
    return {upgrade.pk: known.get(upgrade.pk) or upgrade.progress() for upgrade in upgrades}


def error_details(upgrade: RollingUpgrade, set_name: str, numbers: Iterable[int]) -> list[dict[str, Any]]:
    """The `details` of an error: one for each of these instances, with what went wrong with it (Z-1.6)."""
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
    """The error that stopped the upgrade; of a running one, that instances have failed, where some have; else None (Z-1.6)."""
    if upgrade.error or upgrade.ended_at:
        return upgrade.error
    members = upgrade.members.order_by("instance_number").values_list("instance_number", "state")
    upgraded = health.with_result(
        InstanceUpgradeFacts(number, InstanceUpgradeState(state)) for number, state in members
    )
    failed = [member.instance for member in upgraded if member.state in HAS_FAILED]
    if not failed:
        return None
    message = say("upgrade.with_failed", failed=len(failed), total=len(upgraded))
    return {"code": INSTANCE_FAILED, "message": message, "details": error_details(upgrade, set_name, failed)}


@dataclass(frozen=True, slots=True)
class Rollback:
    """How many old OS disks were put back, how many could not be, and the error of the first that could not."""

    succeeded: int = 0
    failed: int = 0
    error: str = ""


def rollbacks_of(upgrades: Sequence[RollingUpgrade]) -> dict[UUID, Rollback]:
    """{upgrade id: its rollback}, in one query."""
    members = InstanceUpgrade.objects.filter(upgrade__in=upgrades).order_by("instance_number")
    tried = members.filter(Q(state=InstanceUpgradeState.ROLLED_BACK) | ~Q(rollback_error=""))
    found: dict[UUID, Rollback] = {upgrade.pk: Rollback() for upgrade in upgrades}
    for pk, error in tried.values_list("upgrade", "rollback_error"):
        so_far = found[pk]
        found[pk] = Rollback(so_far.succeeded + (not error), so_far.failed + bool(error), so_far.error or error)
    return found
