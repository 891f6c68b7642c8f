"""Rows -> facts. Reads only; `Observation.seq` says as of which event, so that a decision on older facts is never recorded."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from upgrades.core.facts import (
    Attempt,
    Batch,
    Facts,
    ImageReference,
    InstanceFacts,
    Member,
    Upgrade,
)
from upgrades.core.states import Health, MemberState, OperationKind, StartedBy, UpgradeStatus
from upgrades.core.versions import LATEST
from upgrades.models import Instance, InstanceUpgrade, RollingUpgrade, ScaleSet
from upgrades.models.instance import in_force
from upgrades.models.rolling_upgrade import policy_from_row


@dataclass(frozen=True, slots=True)
class Observation:
    scale_set: ScaleSet
    facts: Facts

    @property
    def seq(self) -> int:
        return self.scale_set.seq


def observe(scale_set_id: int, now: datetime) -> Observation:
    """The scale set now. Raises ScaleSet.DoesNotExist."""
    row = ScaleSet.objects.select_related("location", "sku").get(
        pk=scale_set_id
    )  # first: its seq guards all that follows
    latest_upgrade = row.upgrades.prefetch_related("batches").first()
    running = latest_upgrade if latest_upgrade and latest_upgrade.ended_at is None else None
    facts = Facts(
        capacity=0 if row.deleting else row.capacity,
        instances=_instances(row, now),
        latest=_newest_image(row),
        follows_latest=row.image_version == LATEST,
        automatic=row.automatic_upgrade,
        policy=row.policy,
        health_wait=timedelta(seconds=settings.HEALTH_WAIT_SECONDS),
        health_as_of=row.probed_at,
        health_interval=row.health_interval,
        news_since=row.news_since,
        upgrade=_upgrade(running) if running else None,
        last_attempt=_attempt(latest_upgrade) if latest_upgrade and not running else None,
    )
    return Observation(row, facts)


def _newest_image(row: ScaleSet) -> ImageReference | None:
    """The image for new instances and upgrades: the latest published, or the one the set is pinned to."""
    version = row.sku.latest_in(row.location) if row.image_version == LATEST else row.image_version
    return ImageReference(row.sku.publisher, row.sku.offer, row.sku.sku, version) if version else None


def _instances(row: ScaleSet, now: datetime) -> tuple[InstanceFacts, ...]:
    opted_out = set(in_force(now).filter(instance__scale_set=row).values_list("instance_id", flat=True))
    columns = (
        "pk",
        "number",
        "version",
        "health",
        "health_since",
        "operation_kind",
        "failed_version",
        "kept_on_scale_in",
    )
    rows = Instance.objects.filter(scale_set=row).order_by("number").values_list(*columns)
    return tuple(
        InstanceFacts(
            id=number,
            version=version,
            health=Health(health),
            health_since=health_since,
            protected=pk in opted_out and not row.deleting,
            kept=kept and not row.deleting,
            busy=bool(operation_kind),
            leaving=operation_kind == OperationKind.DELETE,
            failed_version=failed_version,
        )
        for pk, number, version, health, health_since, operation_kind, failed_version, kept in rows
    )


def _upgrade(row: RollingUpgrade) -> Upgrade:
    by_batch: dict[int, list[Member]] = defaultdict(list)
    members = InstanceUpgrade.objects.filter(upgrade=row).order_by("instance_number")
    for batch_id, number, state, swapped_at in members.values_list("batch", "instance_number", "state", "swapped_at"):
        by_batch[batch_id].append(Member(number, MemberState(state), swapped_at))
    return Upgrade(
        target=row.target,
        started_by=StartedBy(row.started_by),
        policy=policy_from_row(row.policy),
        cancel_requested_by=row.cancel_requested_by,
        batches=tuple(Batch(one.number, tuple(by_batch[one.pk]), one.finished_at) for one in row.batches.all()),
    )


def _attempt(row: RollingUpgrade) -> Attempt:
    return Attempt(row.target_version, UpgradeStatus(row.status), touched_anything=row.members.exists())
