"""The one way out: events, their numbers, and what is in them."""

import functools
import json
import random
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from tests.stories import (
    NOW,
    a_batch,
    a_scale_set,
    at_once,
    nothing_changes,
    publish,
    snapshot_equals_events,
)
from upgrades.commands.upgrades import start
from upgrades.core.states import Health, InstanceUpgradeState, UpgradeStatus
from upgrades.feed import read
from upgrades.feed.writing import writing
from upgrades.models import Event, Instance, RollingUpgrade, ScaleSet, Transition

LATER = NOW + timedelta(minutes=1)

pytestmark = pytest.mark.django_db


def last_event(row: ScaleSet) -> Event:
    return Event.objects.filter(scale_set=row).latest("seq")


# --- one event per transaction and scale set --------------------------------------------------------------------------


def test_a_transaction_is_one_event_however_much_changes() -> None:
    row = a_scale_set(instances=5)
    before = ScaleSet.objects.get().seq
    with snapshot_equals_events(), writing(LATER, row.pk) as writer:
        for instance in writer.scale_set.instances.all():
            instance.health = Health.UNHEALTHY
            instance.save()
            writer.changed(instance)
            writer.changed(instance)
        writer.changed(writer.scale_set)
    event = last_event(row)
    assert (event.seq, event.at) == (before + 1, LATER)
    assert sorted(event.body) == ["instances", "scale_set"]
    assert [told["id"] for told in event.body["instances"]] == ["0", "1", "2", "3", "4"]


def test_an_event_has_whole_resources() -> None:
    row = a_scale_set(instances=2)
    with writing(LATER, row.pk) as writer:
        writer.changed(writer.scale_set.instances.get(number=1), writer.scale_set)
    snapshot = json.loads(json.dumps(read.snapshot(row.pk)))
    assert last_event(row).body == {"scale_set": snapshot["scale_set"], "instances": [snapshot["instances"]["1"]]}


def test_an_event_has_the_values_of_the_database() -> None:
    row = a_scale_set(instances=1)
    with snapshot_equals_events(), writing(LATER, row.pk) as writer:
        stale = writer.scale_set.instances.get()
        Instance.objects.update(health_detail="HTTP 503")
        writer.changed(stale)
    assert last_event(row).body["instances"][0]["health_detail"] == "HTTP 503"


def test_no_change_is_no_event() -> None:
    row = a_scale_set(instances=1)
    with nothing_changes(), writing(LATER, row.pk):
        pass
    with snapshot_equals_events(), writing(LATER, row.pk) as writer:
        writer.wake()
    assert ScaleSet.objects.get().reconcile_at == LATER


def test_several_scale_sets_in_one_transaction() -> None:
    scale_set, two, three = (a_scale_set(name, instances=2) for name in ("one", "two", "three"))
    before = {row.pk: row.seq for row in ScaleSet.objects.all()}
    with snapshot_equals_events(), writing(LATER, three.pk, scale_set.pk, two.pk, scale_set.pk) as writer:
        assert [row.pk for row in writer.scale_sets] == sorted([scale_set.pk, two.pk, three.pk])
        writer.changed(*Instance.objects.filter(scale_set=two), *Instance.objects.filter(scale_set=scale_set))
        writer.wake(two)
    moved = {row.name: row.seq - before[row.pk] for row in ScaleSet.objects.all()}
    assert moved == {"one": 1, "two": 1, "three": 0}
    assert {row.name for row in ScaleSet.objects.filter(reconcile_at=LATER)} == {"two"}
    assert {instance["name"] for instance in last_event(two).body["instances"]} == {"two_0", "two_1"}


def test_a_failed_transaction_leaves_no_event() -> None:
    scale_set, two = a_scale_set("one", instances=1), a_scale_set("two", instances=1)
    with nothing_changes(), pytest.raises(ZeroDivisionError), writing(LATER, scale_set.pk, two.pk) as writer:
        Instance.objects.update(health=Health.UNHEALTHY)
        writer.changed(*Instance.objects.all(), *writer.scale_sets)
        writer.wake()
        raise ZeroDivisionError


def test_a_missing_scale_set_is_refused() -> None:
    row = a_scale_set(instances=1)
    with nothing_changes(), pytest.raises(ScaleSet.DoesNotExist), writing(LATER, row.pk, row.pk + 1):
        raise AssertionError("it must not get this far")


def test_removed_instances_are_in_the_event() -> None:
    row = a_scale_set(instances=3)
    with snapshot_equals_events(), writing(LATER, row.pk) as writer:
        gone = writer.scale_set.instances.get(number=1)
        writer.changed(gone)
        writer.removed(gone)
        gone.delete()
    assert last_event(row).body["removed"] == ["1"]
    assert list(read.snapshot(row.pk)["instances"]) == ["0", "2"]


# --- upgrades ---------------------------------------------------------------------------------------------------------


def an_upgrade(row: ScaleSet) -> RollingUpgrade:
    publish("16.04.1")
    return start(str(row), "me", NOW)


def test_counts_go_with_the_instances_they_are_counted_from() -> None:
    row = a_scale_set()
    upgrade = an_upgrade(row)
    with snapshot_equals_events():
        a_batch(upgrade, {0: InstanceUpgradeState.UPGRADING, 1: InstanceUpgradeState.QUEUED})
    with snapshot_equals_events(), writing(LATER, row.pk) as writer:
        instance = writer.scale_set.instances.select_related("member").get(number=0)
        assert instance.member
        instance.member.state = InstanceUpgradeState.SUCCEEDED
        instance.member.save()
        writer.changed(instance)
    progress = last_event(row).body["upgrade"]["progress"]
    assert progress == {"successful": 1, "failed": 0, "in_progress": 1, "pending": 8}
    with snapshot_equals_events(), writing(LATER, row.pk) as writer:
        gone = writer.scale_set.instances.get(number=9)
        writer.removed(gone)
        gone.delete()
    assert last_event(row).body["upgrade"]["progress"]["pending"] == 7


def test_an_upgrade_that_is_over_keeps_its_counts() -> None:
    row = a_scale_set()
    upgrade = an_upgrade(row)
    with snapshot_equals_events(), writing(LATER, row.pk) as writer:
        upgrade.status, upgrade.ended_at = UpgradeStatus.CANCELLED, LATER
        upgrade.pending_at_end = upgrade.progress().pending
        upgrade.save()
        writer.changed(upgrade, note="x" * 600)
    with snapshot_equals_events(), writing(LATER, row.pk) as writer:
        gone = writer.scale_set.instances.get(number=9)
        writer.removed(gone)
        gone.delete()
    assert "upgrade" not in last_event(row).body
    assert read.snapshot(row.pk)["upgrade"]["progress"]["pending"] == 10
    assert len(Transition.objects.get(state="Cancelled").note) == 500


def test_history_has_a_line_for_each_change() -> None:
    row = a_scale_set(instances=2)
    upgrade = an_upgrade(row)
    a_batch(upgrade, {1: InstanceUpgradeState.UPGRADING})
    line = Transition.objects.get(instance_number=1, state="upgrading")
    assert (line.seq, line.at, line.upgrade_id) == (ScaleSet.objects.get().seq, NOW, upgrade.pk)
    assert (line.health, line.version) == ("healthy", "0.0.1")


# --- reading ----------------------------------------------------------------------------------------------------------


def test_events_after_a_seq_are_read() -> None:
    row = a_scale_set(instances=1)
    for _ in range(3):
        with writing(LATER, row.pk) as writer:
            writer.changed(writer.scale_set)
    head = ScaleSet.objects.get().seq
    assert [event.seq for event in read.since(row.pk, head - 2)] == [head - 1, head]
    assert read.since(row.pk, head) == []


def test_purged_events_show_as_a_gap() -> None:
    row = a_scale_set(instances=1)
    Event.objects.filter(seq=1).delete()
    first = read.since(row.pk, 0)[0]
    assert first.seq != 1


def test_reading_a_snapshot_takes_few_queries(django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    small, big = a_scale_set("small", instances=1), a_scale_set("big", instances=60)
    for row in (small, big):
        with django_assert_max_num_queries(8):
            read.snapshot(row.pk)


# --- at once ----------------------------------------------------------------------------------------------------------

WRITERS, EACH = 8, 25


def write_pairs(ids: list[int], seed: int) -> int:
    dice = random.Random(seed)
    for _ in range(EACH):
        pair = dice.sample(ids, 2)
        with writing(LATER, *pair) as writer:
            for row in writer.scale_sets:
                instance = row.instances.get(number=dice.randrange(3))
                instance.health_detail = f"{int(instance.health_detail or 0) + 1}"
                instance.save(update_fields=["health_detail"])
                writer.changed(instance)
    return seed


def read_on(ids: list[int]) -> list[tuple[int, dict[str, Any]]]:
    return [(id, read.snapshot(id)) for _ in range(EACH) for id in ids]


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_many_writers_of_several_scale_sets() -> None:
    """No deadlock, no number lost, none twice, no write lost; and whoever reads meanwhile catches up."""
    ids = [a_scale_set(f"web-{number}", instances=3).pk for number in range(3)]
    before = sum(ScaleSet.objects.values_list("seq", flat=True))
    with snapshot_equals_events():
        *done, snapshots = at_once(*(partial(write_pairs, ids, seed) for seed in range(WRITERS)), partial(read_on, ids))
    assert done == list(range(WRITERS))
    assert sum(ScaleSet.objects.values_list("seq", flat=True)) - before == WRITERS * EACH * 2
    for row in ScaleSet.objects.all():
        assert list(row.events.order_by("seq").values_list("seq", flat=True)) == list(range(1, row.seq + 1))
    assert sum(int(instance.health_detail or 0) for instance in Instance.objects.all()) == WRITERS * EACH * 2
    for id, state in snapshots:
        caught_up = functools.reduce(read.apply, read.since(id, state["seq"]), state)
        assert json.dumps(caught_up, sort_keys=True) == json.dumps(read.snapshot(id), sort_keys=True)
