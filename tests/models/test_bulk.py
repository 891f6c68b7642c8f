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
from upgrades.core.states import Health, MemberState, OperationKind
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
    a_batch(upgrade, {number: MemberState.QUEUED for number in range(3)})
    members = [None, *InstanceUpgrade.objects.all()]
    work_items = [None, WorkItem.objects.create(scale_set=row)]
    rows = list(row.instances.all())
    for index, one in enumerate(rows):
        one.scale_set = pick([row, other], index)
        one.number, one.name = 1000 + index, pick(WORDS, index)
        one.version, one.os_disk, one.address = (pick(WORDS, index + shift) for shift in (1, 2, 3))
        one.data_disks, one.extensions, one.runs = ([pick(DOCUMENTS, index + shift)] for shift in (0, 1, 2))
        one.health, one.health_detail = pick(list(Health), index), pick(WORDS, index + 1)
        one.created_at = one.health_since = pick(TIMES[1:], index)
        one.failed_version, one.operation_version = pick(WORDS, index + 2), pick(WORDS, index + 3)
        one.operation_id, one.operation_at = pick([None, uuid.uuid4()], index), pick(TIMES, index)
        one.operation_kind = pick(["", *OperationKind], index)
        one.member, one.work_item = pick(members, index), pick(work_items, index)
    same_as_save(rows, *names_of(Instance))


def test_every_field_of_members_of_an_upgrade() -> None:
    row = a_scale_set(instances=6)
    publish("16.04.1")
    upgrade = start("fleet/web", "me", NOW)
    batches = [a_batch(upgrade, {number: MemberState.QUEUED}, number=number) for number in range(6)]
    instances = [None, *row.instances.all()]
    rows = list(InstanceUpgrade.objects.order_by("instance_number"))
    for index, one in enumerate(rows):
        one.batch, one.instance, one.instance_number = pick(batches, index + 1), pick(instances, index), 100 + index
        one.state = pick(list(MemberState), index)
        one.from_version, one.old_os_disk, one.new_os_disk = (pick(WORDS, index + shift) for shift in (0, 1, 2))
        one.swapped_at, one.ended_at = pick(TIMES, index), pick(TIMES, index + 1)
        one.error_code, one.error_message = pick(WORDS, index), TEXT * 1000
    same_as_save(rows, *names_of(InstanceUpgrade))


def test_every_field_of_scale_sets() -> None:
    rows = [a_scale_set(f"web-{number}", instances=0) for number in range(5)]
    skus, locations = list(ImageSku.objects.all()), list(Location.objects.all())
    for index, one in enumerate(rows):
        one.key = one.name = f"{index}{pick(WORDS, index)}"[:80]
        one.resource_group, one.image_version = pick(WORDS, index), pick(WORDS, index + 1)
        one.location, one.sku = pick(locations, index), pick(skus, index)
        one.document, one.decision = pick(DOCUMENTS[:2] + DOCUMENTS[3:], index), {"text": TEXT, "n": index}
        one.sealed_secrets = TEXT * 100
        one.created_at = one.reconcile_at = pick(TIMES[1:], index)
        one.automatic_upgrade = one.deleting = pick([True, False], index)
        one.capacity, one.probe_port = index, 0
        pause = timedelta(seconds=pick([0, 0.1, 1e-6, 1e9, 7], index))
        one.policy = Policy(
            max_batch_percent=index, max_unhealthy_percent=32767, pause_between_batches=pause, deferral=index > 2
        )
        one.probe_id, one.probe_path, one.probe_protocol = TEXT, TEXT, "tcp"
        one.probe_interval_seconds = one.probe_threshold = one.probe_grace_seconds = 2**31 - 1
        one.probe_is_rich = pick([True, False], index)
        one.stream, one.seq, one.lease_number = uuid.uuid4(), 2**63 - 1, pick([0, -1, 2**62], index)
        one.lease_until, one.prober_until, one.probed_at = (pick(TIMES, index + shift) for shift in (0, 1, 2))
        one.prober = pick(WORDS, index)[:64]
    same_as_save(rows, *names_of(ScaleSet))


@pytest.mark.parametrize("value", DOCUMENTS)
def test_documents_of_any_shape(value: Any) -> None:
    rows = [a_scale_set(f"web-{number}", instances=0) for number in range(2)]
    if value is None:
        value = [None]
    for row in rows:
        row.decision = value
    same_as_save(rows, "decision")


def test_nothing_but_nulls() -> None:
    rows = list(a_scale_set(instances=3).instances.all())
    for one in rows:
        one.operation_id = one.operation_at = one.member = one.work_item = None
    same_as_save(rows, "operation_id", "operation_at", "member", "work_item")


# --- how many ---------------------------------------------------------------------------------------------------------


def test_a_thousand_rows_in_one_statement() -> None:
    a_scale_set(instances=1000)
    rows = list(Instance.objects.order_by("-number"))
    for one in rows:
        one.health, one.health_detail = Health.UNHEALTHY, f"HTTP {one.number}"
    untouched = {one.pk: one.os_disk for one in rows}
    with CaptureQueriesContext(
        connection,
    ) as queries:
        bulk.update(rows, "health", "health_detail")
    assert len(queries) == 1
    found = Instance.objects.all()
    assert {one.health_detail for one in found} == {f"HTTP {number}" for number in range(1000)}
    assert all(one.health_detail == f"HTTP {one.number}" and one.os_disk == untouched[one.pk] for one in found)


def test_no_rows_is_no_statement() -> None:
    with nothing_changes(), CaptureQueriesContext(connection) as queries:
        bulk.update([], "health")
        written = len(queries)
    assert written == 0


def test_a_row_that_is_gone_is_no_harm() -> None:
    rows = list(a_scale_set(instances=2).instances.all())
    Instance.objects.filter(pk=rows[0].pk).delete()
    for one in rows:
        one.health_detail = "here"
    bulk.update(rows, "health_detail")
    assert Instance.objects.get().health_detail == "here"
