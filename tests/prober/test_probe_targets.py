"""What a prober knows is refreshed from the events since then: always the same as reading everything."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.stories import NOW, a_scale_set, edited
from upgrades.commands.scale_sets import set_model
from upgrades.core.states import Health, OperationKind
from upgrades.feed import read
from upgrades.feed.writing import writing
from upgrades.models import Event, Instance, ScaleSet
from upgrades.prober import probe_targets
from upgrades.prober.write_back import Verdict, write_verdicts

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(seconds=1)


def fall_ill(row: ScaleSet) -> None:
    known = probe_targets.read(row.pk)
    assert known
    write_verdicts(
        row.pk,
        [Verdict(instance, Health.UNHEALTHY, "HTTP 500") for instance in list(known.instances.values())[:2]],
        LATER,
    )


def get_busy(row: ScaleSet) -> None:
    with writing(LATER, row.pk) as writer:
        instance = Instance.objects.get(scale_set=row, number=3)
        instance.operation_id, instance.operation_kind = "00000000-0000-0000-0000-000000000001", OperationKind.REIMAGE
        instance.save()
        writer.changed(instance)


def come_back(row: ScaleSet) -> None:
    get_busy(row)
    with writing(LATER, row.pk) as writer:
        instance = Instance.objects.get(scale_set=row, number=3)
        instance.operation_id, instance.operation_kind, instance.os_disk, instance.health_since = (
            None,
            "",
            "another",
            LATER,
        )
        instance.save()
        writer.changed(instance)


def go(row: ScaleSet) -> None:
    with writing(LATER, row.pk) as writer:
        instance = Instance.objects.get(scale_set=row, number=5)
        writer.removed(instance)
        instance.delete()


def be_edited(row: ScaleSet) -> None:
    set_model(row.key, edited(row.document, "tags.team", "other"), LATER)


def lose_events(row: ScaleSet) -> None:
    come_back(row)
    Event.objects.filter(scale_set=row).order_by("seq").last().delete()  # type: ignore[union-attr]
    fall_ill(row)


def change_often(row: ScaleSet) -> None:
    for _ in range(read.MAX_EVENTS // 2 + 1):
        come_back(row)
    go(row)


@pytest.mark.parametrize(
    "happens",
    [fall_ill, get_busy, come_back, go, be_edited, lose_events, change_often],
    ids=lambda change: change.__name__,
)
def test_refreshed_targets_equal_targets_read_anew(happens: Callable[[ScaleSet], None]) -> None:
    row = a_scale_set(instances=8)
    known = probe_targets.read(row.pk)
    assert known
    happens(row)
    assert probe_targets.refresh(known) == probe_targets.read(row.pk) != known


def test_a_refresh_without_events_changes_nothing() -> None:
    row = a_scale_set(instances=8)
    known = probe_targets.read(row.pk)
    assert known and probe_targets.refresh(known) == known


def test_a_deleted_scale_set_reads_as_none() -> None:
    row = a_scale_set(instances=2)
    known = probe_targets.read(row.pk)
    assert known
    ScaleSet.objects.filter(pk=row.pk).delete()
    assert probe_targets.refresh(known) is None


def test_only_the_rows_that_changed_are_read() -> None:
    row = a_scale_set(instances=50)
    known = probe_targets.read(row.pk)
    assert known
    fall_ill(row)
    with CaptureQueriesContext(connection) as asked:
        found = probe_targets.refresh(known)
    assert found and sum(found.instances[pk] is instance for pk, instance in known.instances.items()) == 48
    assert any('"number" IN (' in query["sql"] for query in asked.captured_queries)


def test_a_probers_own_verdicts_need_not_be_read() -> None:
    row = a_scale_set(instances=8)
    known = probe_targets.read(row.pk)
    assert known
    written: dict[int, tuple[Health, str]] = {}
    ill = [Verdict(instance, Health.UNHEALTHY, "HTTP 500") for instance in list(known.instances.values())[:2]]
    seq = write_verdicts(row.pk, ill, LATER, written)
    assert seq and len(written) == 2
    after = known.with_health(seq, written)
    assert after and after == probe_targets.read(row.pk) != known
    assert after.has_same_targets(known)


@pytest.mark.parametrize("happens", [get_busy, come_back, go, be_edited], ids=lambda each: each.__name__)
def test_a_prober_reads_where_something_else_has_happened(happens: Callable[[ScaleSet], None]) -> None:
    row = a_scale_set(instances=8)
    known = probe_targets.read(row.pk)
    assert known
    happens(row)
    written: dict[int, tuple[Health, str]] = {}
    seq = write_verdicts(row.pk, [Verdict(known.instances[min(known.instances)], Health.UNKNOWN, "?")], LATER, written)
    assert seq and known.with_health(seq, written) is None
    found = probe_targets.read(row.pk)
    assert found and (happens is be_edited or not found.has_same_targets(known))
