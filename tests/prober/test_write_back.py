"""From verdicts and views to rows: what is written, when, and what the database then says."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from tests.prober.sets import UP, a_probed_set, probed
from tests.stories import NOW, a_scale_set
from upgrades.core.machines import InstanceView
from upgrades.core.states import Health, Power
from upgrades.models import Instance, ScaleSet
from upgrades.models.thread import DatabaseThread
from upgrades.prober import leases, write_back
from upgrades.prober.machines import Machines
from upgrades.prober.probe_targets import ProbedSet
from upgrades.prober.process import Prober, ProviderSnapshot
from upgrades.prober.write_back import Verdict

pytestmark = pytest.mark.django_db


def healths(row: ScaleSet) -> list[str]:
    return list(Instance.objects.filter(scale_set=row).order_by("number").values_list("health", flat=True))


def test_an_instance_is_unhealthy_since_its_failure_not_since_its_upgrade() -> None:
    row, fell_ill = a_probed_set(threshold=1), NOW + timedelta(minutes=19)
    (known,) = [asked for asked in probed(row).instances.values() if asked.number == 0]
    write_back.write_verdicts(row.pk, [Verdict(known, Health.UNHEALTHY, "HTTP 503")], fell_ill)
    write_back.write_verdicts(row.pk, [Verdict(known, Health.UNHEALTHY, "HTTP 500")], fell_ill + timedelta(minutes=1))
    instance = Instance.objects.get(scale_set=row, number=0)
    assert (instance.health_began_at, instance.health_detail) == (fell_ill, "HTTP 500")


def test_health_that_is_made_void_begins_anew() -> None:
    row = a_probed_set(threshold=1)
    instance = Instance.objects.get(scale_set=row, number=0)
    instance.take_health(Health.UNHEALTHY, "HTTP 503", NOW + timedelta(minutes=1))
    instance.health, instance.health_since = Health.INITIALIZING, NOW + timedelta(minutes=2)
    assert instance.health_began_at == NOW + timedelta(minutes=2)


def test_a_verdict_is_written_with_its_event_and_wakes_the_set() -> None:
    row = a_scale_set(instances=3)
    later = NOW + timedelta(seconds=5)
    known = probed(row)
    verdicts = [
        Verdict(instance, Health.UNHEALTHY, "HTTP 503") for instance in known.instances.values() if instance.number < 2
    ]
    seq = write_back.write_verdicts(row.pk, verdicts, later)
    after = ScaleSet.objects.get(pk=row.pk)
    assert seq == after.seq == row.seq + 1
    assert after.reconcile_at == later
    assert healths(row) == ["unhealthy", "unhealthy", "healthy"]
    event = after.events.get(seq=seq)
    assert [instance["id"] for instance in event.body["instances"]] == ["0", "1"]
    assert write_back.write_verdicts(row.pk, verdicts, later) is None


def test_a_verdict_on_a_deleted_instance_is_not_written() -> None:
    """Reimaged, being worked on, or voided since: what was found is no news of the machine as it is."""
    row = a_scale_set(instances=4)
    known = probed(row)
    verdicts = [Verdict(instance, Health.UNHEALTHY, "HTTP 503") for instance in known.instances.values()]
    instances = Instance.objects.filter(scale_set=row)
    instances.filter(number=0).update(os_disk="new")
    instances.filter(number=1).update(operation_id=uuid.uuid4(), operation_kind="reimage")
    instances.filter(number=2).update(health_since=NOW + timedelta(seconds=1))
    instances.filter(number=3).delete()
    assert write_back.write_verdicts(row.pk, verdicts, NOW) is None
    assert healths(row) == ["healthy"] * 3


def switched_off(known: ProbedSet) -> dict[str, InstanceView]:
    there = known.instances.values()
    return {str(instance.number): replace(UP, power=Power.STOPPED, os_disk=instance.os_disk) for instance in there}


def test_verdicts_are_written_before_the_time_of_probing() -> None:
    """Both are due at once, and the verdicts of two scale sets are two pieces of work: the freshness must not come between them."""
    sets = [probed(a_scale_set(name, instances=1)) for name in ("one", "two")]
    done: list[str] = []

    class Recorder(DatabaseThread):
        async def __call__(self, act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            done.append(act.__name__)
            await asyncio.sleep(0)

    async def both_at_once() -> None:
        prober = Prober(Path(), lambda: NOW, lambda _: None)
        prober._database = Recorder()
        for scale_set in sets:
            prober._know(scale_set.pk, scale_set)
            prober._counts.take_views(scale_set, switched_off(scale_set))
            prober._snapshots[scale_set.pk] = ProviderSnapshot(0, 0, 0, 0, {})
        await asyncio.gather(prober._write_verdicts(), prober._write_probed_at())

    asyncio.run(both_at_once())
    assert done == ["write_verdicts", "write_verdicts", "write_probed_at"]


def test_verdicts_refused_by_the_database_are_written_later() -> None:
    scale_set = probed(a_scale_set(instances=1))

    class Away(DatabaseThread):
        async def __call__(self, act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            raise OperationalError("it is away")

    prober = Prober(Path(), lambda: NOW, lambda _: None)
    prober._database = Away()
    prober._know(scale_set.pk, scale_set)
    prober._counts.take_views(scale_set, switched_off(scale_set))
    with pytest.raises(OperationalError):
        asyncio.run(prober._write_verdicts())
    assert [verdict.health for verdict in prober._counts.take_unwritten()[scale_set.pk]] == [Health.UNHEALTHY]


def test_a_machine_on_another_os_disk_than_we_gave_it_is_taken_as_it_is() -> None:
    """An operation that was given up has ended after all. What was known of its health is void."""
    row, later = a_scale_set(instances=1), NOW + timedelta(minutes=1)
    (instance,) = probed(row).instances.values()
    write_back.write_views(
        row.pk, {instance.pk: replace(UP, os_disk="new", version="16.04.9")}, {instance.pk: instance}, later
    )
    after = Instance.objects.get(pk=instance.pk)
    assert (after.os_disk, after.version, after.health, after.health_since) == ("new", "16.04.9", "initializing", later)
    assert ScaleSet.objects.get(pk=row.pk).reconcile_at == later


def test_a_gap_in_probing_is_remembered() -> None:
    row = a_scale_set(instances=1)
    since = []
    for seconds in (5, 15, 26, 30, -3600, -3595):
        at = NOW + timedelta(seconds=seconds)
        write_back.write_probed_at({row.pk: at}, at)
        since.append(ScaleSet.objects.values_list("probed_without_gap_since", flat=True).get(pk=row.pk))
    second, third = NOW + timedelta(seconds=26), NOW - timedelta(seconds=3600)
    assert since == [None, None, second, second, third, third]


def test_views_write_only_differences() -> None:
    row = a_scale_set(instances=2)
    known = probed(row)
    first, second = known.instances.values()
    views = {first.pk: replace(UP, power=Power.STOPPED), second.pk: replace(UP, os_disk="another one's")}
    assert write_back.write_views(row.pk, views, known.instances, NOW) == row.seq + 1
    assert write_back.write_views(row.pk, views, known.instances, NOW) is None
    assert list(row.instances.order_by("number").values_list("power", flat=True)) == ["stopped", "running"]


def test_the_time_of_probing_makes_no_event() -> None:
    row = a_scale_set(instances=1)
    at = NOW + timedelta(minutes=1)
    write_back.write_probed_at({row.pk: at, 999_999: at}, at)
    after = ScaleSet.objects.get(pk=row.pk)
    assert (after.probed_at, after.seq) == (at, row.seq)


def test_two_probers_share_the_scale_sets() -> None:
    first, second = a_scale_set("one", instances=1), a_scale_set("two", instances=1)
    assert leases.claim("a") == {first.pk: first.seq, second.pk: second.seq}
    assert leases.claim("b") == {}
    leases.give_back("a")
    assert set(leases.claim("b")) == {first.pk, second.pk}
    assert leases.heads("a") == {}


def test_unchanged_views_are_written_once_a_minute() -> None:
    """Writing it reads every row of the scale set: of an idle fleet that was half of what a probe cost."""
    scale_set = probed(a_scale_set(instances=1))
    written, is_away = list[float](), False

    class Same(Machines):
        async def views(self, asked: ProbedSet) -> dict[str, InstanceView]:
            return {"0": UP}

    class Counting(DatabaseThread):
        async def __call__(self, act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            written.append(at)
            if is_away:
                raise OperationalError("it is away")

    prober = Prober(Path(), lambda: NOW, lambda _: None)
    prober._machines, prober._database = Same(Path()), Counting()
    prober._know(scale_set.pk, scale_set)
    for at in (0.0, 10.0, 20.0, 59.0, 60.0, 70.0):
        asyncio.run(prober._ask_provider(scale_set, at))
    assert written == [0, 60]
    prober._know(scale_set.pk, replace(scale_set, seq=scale_set.seq + 1))
    is_away, at = True, 80.0
    with pytest.raises(OperationalError):
        asyncio.run(prober._ask_provider(prober._sets[scale_set.pk], at))
    is_away = False
    for at in (90.0, 100.0):
        asyncio.run(prober._ask_provider(prober._sets[scale_set.pk], at))
    assert written == [0, 60, 80, 90]
