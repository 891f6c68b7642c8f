"""Rows -> the JSON that every screen gets. Whole resources, never differences; times are ISO 8601 in UTC."""

from collections.abc import Iterable
from typing import Any, TypedDict

from upgrades.core import documents
from upgrades.core.extensions import key_of_model
from upgrades.core.instants import iso
from upgrades.core.policy import PolicyJson, policy_to_json, policy_words
from upgrades.core.zones import zone_of, zones_of
from upgrades.feed.reason_shapes import BreachShape, breach_of
from upgrades.models import Instance, InstanceUpgrade, OptOut, RollingUpgrade, ScaleSet
from upgrades.models.fleet_stop import open_fleet_stop
from upgrades.models.image import Catalogue
from upgrades.models.instance import MODEL_FIELDS
from upgrades.models.prepared import Prepared
from upgrades.models.records import record_of


class ImageShape(TypedDict):
    publisher: str
    offer: str
    sku: str
    version: str


class WithdrawnShape(TypedDict):
    version: str
    owner: str
    reason: str
    created_at: str | None


class ScaleSetShape(TypedDict):
    """A scale set. `latest_version`: the newest version published in its location and not withdrawn.

    `wanted_version`: the version that its instances should have; where the scale set is pinned, it may differ from the latest.
    `withdrawn`: all withdrawn versions of its image. `kept_os_disk`: what a rollback puts back (core/states.py).
    """

    resource_group: str
    name: str
    location: str
    image: ImageShape
    latest_version: str | None
    wanted_version: str | None
    withdrawn: list[WithdrawnShape]
    capacity: int
    automatic_upgrade: bool
    extensions: list[str]
    policy: dict[str, Any]
    probe: dict[str, Any] | None
    decision: dict[str, Any]
    fleet_stop: "HoldShape | None"
    kept_os_disk: str
    deleting: bool


class HoldShape(TypedDict):
    owner: str
    reason: str
    created_at: str | None
    until: str | None


class InstanceUpgradeShape(TypedDict):
    """The instance's part in the latest upgrade that took it; `upgrade` is the id of that.

    `replacement`: the id of the surge instance that is to take the place of `instance`, if any; then both instances show this.
    """

    upgrade: str
    instance: str
    replacement: str | None
    kind: str
    batch: int
    state: str
    swapped_at: str | None
    ended_at: str | None
    error_code: str
    error_message: str
    rollback_error: str


class OptOutShape(TypedDict):
    """An opt-out. `ending_by`: who has ended it, "" for nobody; it still holds until `until`, so that ending it can be undone."""

    owner: str
    reason: str
    scope: str
    created_at: str | None
    until: str | None
    ending_by: str


class InstanceShape(TypedDict):
    """An instance. `health_since`: when its health was last made void (created, reimaged); `health_began_at`: when it last changed."""

    id: str
    name: str
    zone: str
    version: str
    reported_version: str
    os_disk: str
    data_disks: list[dict[str, Any]]
    power: str
    provisioning: str
    extensions: list[dict[str, Any]]
    health: str
    health_since: str | None
    health_began_at: str | None
    health_detail: str
    operation: str
    failed_version: str
    approved_version: str
    quarantined_at: str | None
    missing_since: str | None
    member: InstanceUpgradeShape | None
    opt_out: OptOutShape | None


class UpgradeShape(TypedDict):
    """A rolling upgrade. `extensions`: where its `kind` is extensions, those that it brings, as "name version"; its target has no version.

    `record`: how it stood when it ended; None while it runs.
    """

    id: str
    kind: str
    target: ImageShape
    started_by: str
    started_by_name: str
    status: str
    started_at: str | None
    ended_at: str | None
    cancel_requested_by: str
    paused_by: str
    only_failed: bool
    takes_failed: bool
    takes_newer: bool
    retry_skipped_by: str
    extensions: list[str]
    policy: dict[str, Any]
    progress: dict[str, int]
    error: dict[str, Any] | None
    breach: BreachShape | None
    batches: list[dict[str, Any]]
    record: dict[str, Any] | None


def scale_set(row: ScaleSet) -> ScaleSetShape:
    catalogue = row.sku.catalogue_in(row.location)
    return ScaleSetShape(
        resource_group=row.resource_group,
        name=row.name,
        location=row.location.name,
        image=_image(row.sku.publisher, row.sku.offer, row.sku.sku, row.image_version),
        latest_version=catalogue.latest,
        wanted_version=catalogue.wanted(row.image_version),
        withdrawn=_withdrawn(catalogue),
        capacity=row.capacity,
        automatic_upgrade=row.automatic_upgrade,
        extensions=_lines(key_of_model(documents.extensions_of(row.document))),
        policy=_policy(policy_to_json(row.policy)),
        probe=_probe(row),
        decision=row.decision,
        fleet_stop=_fleet_stop(),
        kept_os_disk=row.location.kept_os_disk,
        deleting=row.deleting,
    )


def _withdrawn(catalogue: Catalogue) -> list[WithdrawnShape]:
    return [
        WithdrawnShape(version=version, owner=withdrawal.by, reason=withdrawal.reason, created_at=iso(withdrawal.since))
        for version, withdrawal in sorted(catalogue.withdrawn.items())
    ]


def _policy(stored: PolicyJson) -> dict[str, Any]:
    words = policy_words(stored)
    return {**stored, "words": [*words.values()], "word_keys": [*words]}


def _fleet_stop() -> HoldShape | None:
    """The open fleet stop. Like an opt-out it is shown until a person or the tick has ended it, even if its time is over."""
    row = open_fleet_stop()
    if row is None:
        return None
    return HoldShape(owner=row.owner, reason=row.reason, created_at=iso(row.created_at), until=iso(row.until))


def _lines(extensions: str) -> list[str]:
    return extensions.split("\n") if extensions else []


def _image(publisher: str, offer: str, sku: str, version: str) -> ImageShape:
    return ImageShape(publisher=publisher, offer=offer, sku=sku, version=version)


def _probe(row: ScaleSet) -> dict[str, Any] | None:
    if not row.probe_protocol:
        return None
    return {
        "protocol": row.probe_protocol,
        "port": row.probe_port,
        "path": row.probe_path,
        "interval_seconds": row.probe_interval_seconds,
        "threshold": row.probe_threshold,
        "rich": row.probe_is_rich,
        "grace_seconds": row.probe_grace_seconds,
    }


# What no shape has of an instance and of what is joined to it: JSON, whose reading takes longer than all the rest of a row.
UNSHOWN = ("runs", "failed_on", *MODEL_FIELDS, "member__from_parts", "member__batch__message")


def instances(scale_set: ScaleSet, rows: Iterable[Instance]) -> list[InstanceShape]:
    """Shapes of instances of one scale set. `rows` must have `member__batch` joined; their open opt-outs are fetched here in one query."""
    rows = list(rows)
    zones = zones_of(scale_set.document)
    opt_outs = {opt_out.instance_id: opt_out for opt_out in _OPT_OUTS.rows([row.pk for row in rows])}
    return [_instance(row, zone_of(zones, row.number), opt_outs.get(row.pk)) for row in rows]


_OPT_OUTS = Prepared(lambda instances: OptOut.objects.filter(instance__in=instances, ended_at=None))


def _instance(row: Instance, zone: str, opt_out: OptOut | None) -> InstanceShape:
    return InstanceShape(
        id=str(row.number),
        name=row.name,
        zone=zone,
        version=row.version,
        reported_version=row.reported_version,
        os_disk=row.os_disk,
        data_disks=row.data_disks,
        power=row.power,
        provisioning=row.provisioning,
        extensions=row.extensions,
        health=row.health,
        health_since=iso(row.health_since),
        health_began_at=iso(row.health_began_at),
        health_detail=row.health_detail,
        operation=row.operation_kind,
        failed_version=row.failed_version,
        approved_version=row.approved_version,
        quarantined_at=iso(row.quarantined_at),
        missing_since=iso(row.missing_since),
        member=_member(row.member) if row.member else None,
        opt_out=_opt_out(opt_out) if opt_out else None,
    )


def _member(row: InstanceUpgrade) -> InstanceUpgradeShape:
    return InstanceUpgradeShape(
        upgrade=str(row.upgrade_id),
        instance=str(row.instance_number),
        replacement=None if row.replacement_number is None else str(row.replacement_number),
        kind=row.kind,
        batch=row.batch.number,
        state=row.state,
        swapped_at=iso(row.swapped_at),
        ended_at=iso(row.ended_at),
        error_code=row.error_code,
        error_message=row.error_message,
        rollback_error=row.rollback_error,
    )


def _opt_out(row: OptOut) -> OptOutShape:
    return OptOutShape(
        owner=row.owner,
        reason=row.reason,
        scope=row.scope,
        created_at=iso(row.created_at),
        until=iso(row.until),
        ending_by=row.ending_by,
    )


def upgrade(row: RollingUpgrade) -> UpgradeShape:
    progress = row.progress()
    return UpgradeShape(
        id=str(row.pk),
        kind=row.kind,
        target=_image(row.target_publisher, row.target_offer, row.target_sku, row.target_version),
        started_by=row.started_by,
        started_by_name=row.started_by_name,
        status=row.status,
        started_at=iso(row.started_at),
        ended_at=iso(row.ended_at),
        cancel_requested_by=row.cancel_requested_by,
        paused_by=row.paused_by,
        only_failed=row.only_failed,
        takes_failed=row.takes_failed,
        takes_newer=row.takes_newer,
        retry_skipped_by=row.retry_skipped_by,
        extensions=_lines(row.target_extensions),
        policy=_policy(row.policy),
        progress={
            "successful": progress.successful,
            "failed": progress.failed,
            "in_progress": progress.in_progress,
            "pending": progress.pending,
        },
        error=row.error,
        breach=breach_of(row),
        batches=[
            {
                "number": batch.number,
                "started_at": iso(batch.started_at),
                "finished_at": iso(batch.finished_at),
                "why": batch.why,
            }
            for batch in row.batches.all()
        ],
        record=record_of(row),
    )
