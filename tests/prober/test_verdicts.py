"""From results to rows: what counts as news of an instance, and what does not."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from tests.prober.sets import a_probed_set, answer, probed
from tests.stories import NOW, a_batch, a_scale_set
from upgrades.core.machines import ExtensionView, InstanceView
from upgrades.core.states import Health, InstanceUpgradeState, Power, Provisioning
from upgrades.models import Instance, RollingUpgrade, ScaleSet
from upgrades.models.thread import DatabaseThread
from upgrades.prober import leases, write_back
from upgrades.prober.counts import GATHER_IN_BATCH_SECONDS, GATHER_SECONDS, ProbeCounts
from upgrades.prober.machines import Machines
from upgrades.prober.probe_targets import ProbedSet
from upgrades.prober.process import Prober, ProviderSnapshot
from upgrades.prober.write_back import Verdict
from upgrades.probes.targets import ProbeProtocol, ProbeSettings

pytestmark = pytest.mark.django_db
UP = InstanceView("0", "web_0_OsDisk_1", "0.0.1", Power.RUNNING, Provisioning.SUCCEEDED, "127.0.0.1:20000")


def healths(row: ScaleSet) -> list[str]:
    return list(Instance.objects.filter(scale_set=row).order_by("number").values_list("health", flat=True))


def test_a_state_flips_after_as_many_results_as_the_threshold_says() -> None:
    row = a_probed_set(threshold=2)
    counts, known = ProbeCounts(), probed(row)
    counts.know(known)
    answer(counts, known, 1, False)
    assert counts.take_unwritten() == {}
    answer(counts, known, 1, False)
    (verdict,) = counts.take_unwritten()[row.pk]
    assert (verdict.of.number, verdict.health, verdict.detail) == (1, Health.UNHEALTHY, "HTTP 503")


def test_a_flap_within_one_write_makes_no_event() -> None:
    row = a_probed_set(threshold=1)
    counts, known = ProbeCounts(), probed(row)
    counts.know(known)
    answer(counts, known, 0, False)
    answer(counts, known, 0, True)
    assert counts.take_unwritten() == {}


@pytest.mark.parametrize(("in_batch", "waits"), [(False, GATHER_SECONDS), (True, GATHER_IN_BATCH_SECONDS)])
def test_good_news_waits_a_little_for_more_while_others_are_operated_on(in_batch: bool, waits: float) -> None:
    """Each write costs a transaction, an event and a reconcile; but where none is operated on any more, or one is ill, a step follows."""
    clock = [0.0]
    row = a_probed_set(threshold=1)
    busy, *_ = Instance.objects.filter(scale_set=row).order_by("-number")
    Instance.objects.filter(scale_set=row).update(health="initializing")
    operation = uuid.uuid4()
    if in_batch:
        upgrade = RollingUpgrade.objects.create(
            scale_set=row, policy={}, status="RollingForward", started_by="User", target_version="2.0.0", started_at=NOW
        )
        batch = a_batch(upgrade, {busy.number: InstanceUpgradeState.UPGRADING})
        operation = batch.members.get().pk
    Instance.objects.filter(pk=busy.pk).update(operation_id=operation, operation_kind="reimage")
    counts, known = ProbeCounts(lambda: clock[0]), probed(row)
    counts.know(known)
    answer(counts, known, 0, True)
    assert counts.take_unwritten(may_wait=True) == {}
    clock[0] = waits - 0.01
    answer(counts, known, 1, True)
    assert counts.take_unwritten(may_wait=True) == {}
    clock[0] = waits + 0.01
    assert [verdict.of.number for verdict in counts.take_unwritten(may_wait=True)[row.pk]] == [0, 1]
    assert counts.take_unwritten(may_wait=True) == {}
    answer(counts, known, 0, False)
    assert len(counts.take_unwritten(may_wait=True)[row.pk]) == 1, "bad news waits for nothing"
    Instance.objects.filter(pk=busy.pk).update(operation_id=None, operation_kind="")
    counts.know(probed(row))
    answer(counts, probed(row), busy.number, True)
    assert len(counts.take_unwritten(may_wait=True)[row.pk]) == 1, "nothing else is to come"


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


def test_answers_of_an_old_os_disk_count_for_nothing() -> None:
    row = a_probed_set(threshold=1)
    counts, known = ProbeCounts(), probed(row)
    counts.know(known)
    answer(counts, known, 0, False, generation="an older disk")
    assert counts.take_unwritten() == {}


def test_counts_begin_anew_with_a_new_os_disk() -> None:
    row = a_probed_set(threshold=2)
    counts = ProbeCounts()
    counts.know(probed(row))
    answer(counts, probed(row), 0, False)
    Instance.objects.filter(scale_set=row, number=0).update(os_disk="new", health=Health.INITIALIZING)
    counts.know(probed(row))
    answer(counts, probed(row), 0, False)
    assert counts.take_unwritten() == {}
    answer(counts, probed(row), 0, False)
    assert [verdict.health for verdict in counts.take_unwritten()[row.pk]] == [Health.UNHEALTHY]


def test_a_prober_that_has_just_come_says_nothing_until_all_were_asked() -> None:
    """Else an instance that merely was not asked yet would seem to have had its chance."""
    row = a_probed_set(threshold=2, instances=2)
    counts, known = ProbeCounts(), probed(row)
    counts.know(known)
    for number in (0, 1, 0):
        answer(counts, known, number, True)
        assert not counts.is_settled(row.pk)
    answer(counts, known, 1, True)
    assert counts.is_settled(row.pk)


def test_an_instance_without_an_address_is_unhealthy() -> None:
    row = a_probed_set()
    Instance.objects.filter(scale_set=row, number=2).update(address="")
    counts = ProbeCounts()
    counts.know(probed(row))
    counts.take_unreachable(probed(row))
    assert [verdict.of.number for verdict in counts.take_unwritten()[row.pk]] == [2]
    for number in (0, 1):
        for _ in range(2):
            answer(counts, probed(row), number, True)
    assert counts.is_settled(row.pk)


@pytest.mark.parametrize(
    ("view", "health"),
    [
        (UP, Health.HEALTHY),
        (replace(UP, power=Power.STOPPED), Health.UNHEALTHY),
        (replace(UP, provisioning=Provisioning.FAILED), Health.UNHEALTHY),
        (replace(UP, provisioning=Provisioning.CREATING), Health.INITIALIZING),
        (replace(UP, provisioning=Provisioning.UPDATING, power=Power.STARTING), Health.INITIALIZING),
        (replace(UP, extensions=(ExtensionView("a", Provisioning.SUCCEEDED),)), Health.HEALTHY),
        (replace(UP, extensions=(ExtensionView("a", Provisioning.FAILED),)), Health.UNHEALTHY),
        (replace(UP, extensions=(ExtensionView("a", Provisioning.CREATING),)), Health.INITIALIZING),
        (
            replace(
                UP, extensions=(ExtensionView("a", Provisioning.CREATING), ExtensionView("b", Provisioning.FAILED))
            ),
            Health.UNHEALTHY,
        ),
    ],
)
def test_the_machines_own_state_is_the_health_without_a_probe(view: InstanceView, health: Health) -> None:
    """S-31, S-32"""
    row = a_scale_set(instances=1)
    counts, known = ProbeCounts(), probed(row)
    assert known.probe is None
    counts.know(known)
    counts.take_views(known, {"0": view})
    verdicts = counts.take_unwritten().get(row.pk, [])
    assert [verdict.health for verdict in verdicts] == ([] if health is Health.HEALTHY else [health])


def test_an_answer_without_a_machine_says_nothing_of_its_health() -> None:
    """Whether it is gone is another question (test_absence.py)."""
    row = a_scale_set(instances=1)
    counts = ProbeCounts()
    counts.know(probed(row))
    counts.take_views(probed(row), {})
    assert counts.take_unwritten() == {}


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


def test_a_view_from_before_an_instance_came_says_nothing_of_it() -> None:
    """It is not there in the view, and yet it exists."""
    row = a_scale_set(instances=2)
    before = probed(row)
    asked = replace(
        before, instances={pk: instance for pk, instance in before.instances.items() if instance.number == 0}
    )
    counts = ProbeCounts()
    counts.know(before)
    counts.take_views(asked, {"0": UP})
    assert counts.take_unwritten() == {}


def test_verdicts_that_could_not_be_written_are_kept() -> None:
    row = a_probed_set(threshold=1, instances=2)
    counts, known = ProbeCounts(), probed(row)
    counts.know(known)
    answer(counts, known, 0, False)
    answer(counts, known, 1, False)
    lost = counts.take_unwritten()[row.pk]
    counts.put_back(row.pk, lost)
    assert counts.take_unwritten() == {row.pk: lost}
    counts.put_back(999_999, lost)
    assert counts.take_unwritten() == {}


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


def test_an_instance_that_came_while_the_provider_was_asked_is_not_missed() -> None:
    """The view of before does not have it; that says nothing."""
    all_of_them = probed(a_scale_set(instances=2))
    (first, _) = all_of_them.instances.values()
    scale_set = replace(all_of_them, instances={first.pk: first})
    prober = Prober(Path(), lambda: NOW, lambda _: None)

    class Slow(Machines):
        async def views(self, asked: ProbedSet) -> dict[str, InstanceView]:
            prober._know(scale_set.pk, all_of_them)
            return {"0": UP}

    class Nobody(DatabaseThread):
        async def __call__(self, act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            """What is written of machines does not matter here."""

    prober._machines, prober._database = Slow(Path()), Nobody()
    prober._know(scale_set.pk, scale_set)
    asyncio.run(prober._ask_provider(scale_set, 0))
    assert prober._counts.take_unwritten() == {}


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


def test_changed_rows_do_not_put_the_next_view_off() -> None:
    """Found by the model: a row that was busy when its machine was seen was written twenty seconds later, after a probe that failed."""
    scale_set = probed(a_scale_set(instances=1))
    scale_set = replace(scale_set, probe=ProbeSettings(ProbeProtocol.HTTP, "/", 5, 1))
    prober = Prober(Path(), lambda: NOW, lambda _: None)
    prober._snapshots[scale_set.pk] = ProviderSnapshot(
        at=9.0, written_at=0.0, seq=scale_set.seq, complete_at=9.0, views={}
    )
    assert not prober._is_view_due(scale_set, 10.0)
    assert prober._is_view_due(scale_set, 19.0)
    moved = replace(scale_set, seq=scale_set.seq + 1)
    assert not prober._is_view_due(moved, 9.5)
    assert prober._is_view_due(moved, 10.0)
