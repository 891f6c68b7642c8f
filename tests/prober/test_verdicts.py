"""From results to verdicts: what counts as news of an instance, and what does not."""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.prober.sets import UP, a_probed_set, answer, probed
from tests.stories import NOW, a_batch, a_scale_set
from upgrades.core.machines import ExtensionView, InstanceView
from upgrades.core.states import Health, InstanceUpgradeState, Power, Provisioning
from upgrades.models import Instance, RollingUpgrade
from upgrades.models.thread import DatabaseThread
from upgrades.prober.counts import GATHER_IN_BATCH_SECONDS, GATHER_SECONDS, ProbeCounts
from upgrades.prober.machines import Machines
from upgrades.prober.probe_targets import ProbedSet
from upgrades.prober.process import Prober, ProviderSnapshot
from upgrades.probes.targets import ProbeProtocol, ProbeSettings

pytestmark = pytest.mark.django_db


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
