"""Writing many rows at once stores what save() would have stored."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from tests.stories import NOW, a_batch, a_scale_set, nothing_changes, publish
from upgrades.commands.upgrades import start
from upgrades.core.policy import Policy
from upgrades.core.states import Health, InstanceUpgradeState, OperationKind
from upgrades.models import ImageSku, Instance, InstanceUpgrade, Location, ScaleSet, WorkItem, bulk

pytestmark = pytest.mark.django_db

TEXT = 'it\'s "quoted" \\ 100 % %s {a,b} NULL ü 組 😀\n\t'
TIMES = [
    None,
    datetime(1, 1, 2, tzinfo=UTC),
    datetime(2018, 9, 25, 12, 0, 0, 1, tzinfo=UTC),
    datetime(2018, 9, 25, 12, 0, tzinfo=timezone(timedelta(hours=-7))),
    datetime(9999, 12, 30, tzinfo=UTC),
]
DOCUMENTS: list[Any] = [
    {},
    [],
    None,
    "text",
    5,
    True,
    {"a": [1, None, {"b": TEXT}]},
    [{"lun": 0}],
    [[1], [2]],
    {"": ""},
]
WORDS = ["", TEXT, "null", "{}", "x" * 80]


def stored(row: Model) -> dict[str, Any]:
    return dict(type(row)._base_manager.values().get(pk=row.pk))


def as_saved(rows: Sequence[Model], *names: str) -> list[dict[str, Any]]:
    """What save() stores; undone again."""
    with transaction.atomic():
        for row in rows:
            row.save(update_fields=names)
        result = [stored(row) for row in rows]
        transaction.set_rollback(True)
    return result


def same_as_save(rows: Sequence[Model], *names: str) -> None:
    expected = as_saved(rows, *names)
    bulk.update(rows, *names)
    assert [stored(row) for row in rows] == expected


def pick(values: Sequence[Any], index: int) -> Any:
    return values[index % len(values)]


def names_of(model: type[Model], *but: str) -> list[str]:
    return [field.name for field in model._meta.concrete_fields if not field.primary_key and field.name not in but]


# --- every field ------------------------------------------------------------------------------------------------------


def test_every_field_of_instances() -> None:
    row = a_scale_set(instances=12)
    other = a_scale_set("other", instances=0)
    publish("16.04.1")
    upgrade = start("fleet/web", "me", NOW)
    a_batch(upgrade, {number: InstanceUpgradeState.QUEUED for number in range(3)})
    members = [None, *InstanceUpgrade.objects.all()]
    work_items = [None, WorkItem.objects.create(scale_set=row)]
    rows = list(row.instances.all())
    for index, instance in enumerate(rows):
        instance.scale_set = pick([row, other], index)
        instance.number, instance.name = 1000 + index, pick(WORDS, index)
        instance.version, instance.os_disk, instance.address = (pick(WORDS, index + shift) for shift in (1, 2, 3))
        instance.data_disks, instance.extensions, instance.runs = (
            [pick(DOCUMENTS, index + shift)] for shift in (0, 1, 2)
        )
        instance.health, instance.health_detail = pick(list(Health), index), pick(WORDS, index + 1)
        instance.created_at = instance.health_since = pick(TIMES[1:], index)
        instance.failed_version, instance.operation_version = pick(WORDS, index + 2), pick(WORDS, index + 3)
        instance.operation_id, instance.operation_at = pick([None, uuid.uuid4()], index), pick(TIMES, index)
        instance.operation_kind = pick(["", *OperationKind], index)
        instance.member, instance.work_item = pick(members, index), pick(work_items, index)
    same_as_save(rows, *names_of(Instance))


def test_every_field_of_members_of_an_upgrade() -> None:
    row = a_scale_set(instances=6)
    publish("16.04.1")
    upgrade = start("fleet/web", "me", NOW)
    batches = [a_batch(upgrade, {number: InstanceUpgradeState.QUEUED}, number=number) for number in range(6)]
    instances = [None, *row.instances.all()]
    rows = list(InstanceUpgrade.objects.order_by("instance_number"))
    for index, member in enumerate(rows):
        member.batch, member.instance, member.instance_number = (
            pick(batches, index + 1),
            pick(instances, index),
            100 + index,
        )
        member.state = pick(list(InstanceUpgradeState), index)
        member.from_version, member.old_os_disk, member.new_os_disk = (
            pick(WORDS, index + shift) for shift in (0, 1, 2)
        )
        member.swapped_at, member.ended_at = pick(TIMES, index), pick(TIMES, index + 1)
        member.error_code, member.error_message = pick(WORDS, index), TEXT * 1000
    same_as_save(rows, *names_of(InstanceUpgrade))


def test_every_field_of_scale_sets() -> None:
    rows = [a_scale_set(f"web-{number}", instances=0) for number in range(5)]
    skus, locations = list(ImageSku.objects.all()), list(Location.objects.all())
    for index, scale_set in enumerate(rows):
        scale_set.key = scale_set.name = f"{index}{pick(WORDS, index)}"[:80]
        scale_set.resource_group, scale_set.image_version = pick(WORDS, index), pick(WORDS, index + 1)
        scale_set.location, scale_set.sku = pick(locations, index), pick(skus, index)
        scale_set.document, scale_set.decision = pick(DOCUMENTS[:2] + DOCUMENTS[3:], index), {"text": TEXT, "n": index}
        scale_set.sealed_secrets = TEXT * 100
        scale_set.created_at = scale_set.reconcile_at = pick(TIMES[1:], index)
        scale_set.automatic_upgrade = scale_set.deleting = pick([True, False], index)
        scale_set.capacity, scale_set.probe_port = index, 0
        pause = timedelta(seconds=pick([0, 0.1, 1e-6, 1e9, 7], index))
        scale_set.policy = Policy(
            max_batch_percent=index, max_unhealthy_percent=32767, pause_between_batches=pause, deferral=index > 2
        )
        scale_set.probe_id, scale_set.probe_path, scale_set.probe_protocol = TEXT, TEXT, "tcp"
        scale_set.probe_interval_seconds = scale_set.probe_threshold = scale_set.probe_grace_seconds = 2**31 - 1
        scale_set.probe_is_rich = pick([True, False], index)
        scale_set.stream, scale_set.seq, scale_set.lease_number = uuid.uuid4(), 2**63 - 1, pick([0, -1, 2**62], index)
        scale_set.lease_until, scale_set.prober_until, scale_set.probed_at = (
            pick(TIMES, index + shift) for shift in (0, 1, 2)
        )
        scale_set.prober = pick(WORDS, index)[:64]
    same_as_save(rows, *names_of(ScaleSet))


@pytest.mark.parametrize("value", DOCUMENTS)
def test_documents_of_any_shape(value: Any) -> None:
    rows = [a_scale_set(f"web-{number}", instances=0) for number in range(2)]
    if value is None:
        value = [None]
    for row in rows:
        row.decision = value
    same_as_save(rows, "decision")


def test_rows_of_nulls_alone_are_written() -> None:
    rows = list(a_scale_set(instances=3).instances.all())
    for instance in rows:
        instance.operation_id = instance.operation_at = instance.member = instance.work_item = None
    same_as_save(rows, "operation_id", "operation_at", "member", "work_item")


# --- how many ---------------------------------------------------------------------------------------------------------


def test_a_thousand_rows_in_one_statement() -> None:
    a_scale_set(instances=1000)
    rows = list(Instance.objects.order_by("-number"))
    for instance in rows:
        instance.health, instance.health_detail = Health.UNHEALTHY, f"HTTP {instance.number}"
    untouched = {instance.pk: instance.os_disk for instance in rows}
    with CaptureQueriesContext(
        connection,
    ) as queries:
        bulk.update(rows, "health", "health_detail")
    assert len(queries) == 1
    found = Instance.objects.all()
    assert {instance.health_detail for instance in found} == {f"HTTP {number}" for number in range(1000)}
    assert all(
        instance.health_detail == f"HTTP {instance.number}" and instance.os_disk == untouched[instance.pk]
        for instance in found
    )


def test_no_rows_is_no_statement() -> None:
    with nothing_changes(), CaptureQueriesContext(connection) as queries:
        bulk.update([], "health")
        written = len(queries)
    assert written == 0


def test_an_update_of_a_deleted_row_is_harmless() -> None:
    rows = list(a_scale_set(instances=2).instances.all())
    Instance.objects.filter(pk=rows[0].pk).delete()
    for instance in rows:
        instance.health_detail = "here"
    bulk.update(rows, "health_detail")
    assert Instance.objects.get().health_detail == "here"
