"""What is known of a machine that was off, and what of it is void when it is on again."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.prober.sets import a_probed_set, answer, probed
from tests.stories import NOW
from upgrades.core.machines import ExtensionView, InstanceView
from upgrades.core.states import Health, Power, Provisioning
from upgrades.models import Instance, ScaleSet
from upgrades.orchestrator.observe import observe
from upgrades.prober import write_back
from upgrades.prober.counts import ProbeCounts
from upgrades.prober.write_back import Verdict

pytestmark = pytest.mark.django_db
UP = InstanceView("0", "web_0_OsDisk_1", "0.0.1", Power.RUNNING, Provisioning.SUCCEEDED, "127.0.0.1:20000")


def healths(row: ScaleSet) -> list[str]:
    return list(Instance.objects.filter(scale_set=row).order_by("number").values_list("health", flat=True))


def test_health_from_before_a_machine_was_off_is_void_when_it_is_on() -> None:
    """Last night's verdict would keep the gate shut in the morning. The same whoever stopped it, and for a prober that came meanwhile."""
    row = a_probed_set(threshold=1, instances=1)
    off, on = _view(row, Power.STOPPED), _view(row, Power.RUNNING)
    pk = _is_seen(row, off)
    Instance.objects.filter(pk=pk).update(health=Health.UNHEALTHY, health_detail="refused")
    counts, before = ProbeCounts(), probed(row)
    counts.know(before)
    answer(counts, before, 0, False)
    late = counts.take_unwritten().get(row.pk, [])
    _is_seen(row, on, LATER)
    instance = Instance.objects.get(pk=pk)
    assert (instance.health, instance.health_since, instance.health_detail) == (
        "initializing",
        LATER,
        "its machine was switched on",
    )
    write_back.write_verdicts(row.pk, [Verdict(before.instances[pk], Health.UNHEALTHY, "HTTP 503"), *late], LATER)
    assert healths(row) == ["initializing"], "what was found of it before is no news of it now"
    counts.know(probed(row))
    answer(counts, probed(row), 0, True)
    assert [verdict.health for verdict in counts.take_unwritten()[row.pk]] == [Health.HEALTHY]


def test_a_machine_that_is_starting_is_not_unhealthy_for_it() -> None:
    row = a_probed_set(threshold=1, instances=1)
    _is_seen(row, _view(row, Power.STOPPED))
    pk = _is_seen(row, _view(row, Power.STARTING), LATER)
    counts = ProbeCounts()
    counts.know(probed(row))
    answer(counts, probed(row), 0, False)
    assert counts.take_unwritten() == {} and healths(row) == ["initializing"]
    assert probed(row).is_settling, "it is looked at soon"
    _is_seen(row, _view(row, Power.RUNNING), LATER + timedelta(seconds=20))
    assert Instance.objects.get(pk=pk).health_since == LATER + timedelta(seconds=20)
    counts.know(probed(row))
    answer(counts, probed(row), 0, False)
    assert [verdict.health for verdict in counts.take_unwritten()[row.pk]] == [Health.UNHEALTHY]


def test_a_machine_that_runs_on_keeps_its_verdict() -> None:
    row = a_probed_set(threshold=1, instances=1)
    pk = _is_seen(row, _view(row, Power.RUNNING))
    Instance.objects.filter(pk=pk).update(health=Health.UNHEALTHY)
    _is_seen(row, replace(_view(row, Power.RUNNING), extensions=(ExtensionView("a", Provisioning.SUCCEEDED),)), LATER)
    assert healths(row) == ["unhealthy"]
    _is_seen(row, _view(row, Power.STOPPED), LATER)
    assert healths(row) == ["unhealthy"], "off, it counts for nothing"


def test_a_half_made_machine_is_known_as_such_and_not_as_switched_off() -> None:
    row = a_probed_set(threshold=1, instances=1)
    pk = _is_seen(row, replace(_view(row, Power.STOPPED), version="", half_made=True))
    instance = Instance.objects.get(pk=pk)
    assert (instance.half_made, instance.version) == (True, "")
    (facts,) = observe(row.pk, NOW).facts.instances
    assert (facts.is_half_made, facts.is_switched_off) == (True, False)
    _is_seen(row, replace(_view(row, Power.RUNNING), version="16.04.1"), LATER)
    assert not observe(row.pk, NOW).facts.instances[0].is_half_made


def test_the_version_that_runs_is_kept_beside_that_of_the_disk() -> None:
    row = a_probed_set(threshold=1, instances=1)
    pk = _is_seen(row, replace(_view(row, Power.RUNNING), version="16.04.1", reported_version="16.04.2"))
    assert Instance.objects.get(pk=pk).reported_version == "16.04.2"
    assert observe(row.pk, NOW).facts.instances[0].drifted_to == "16.04.2"
    _is_seen(row, replace(_view(row, Power.RUNNING), version="16.04.1", reported_version="16.04"), LATER)
    assert observe(row.pk, NOW).facts.instances[0].drifted_to == ""


LATER = NOW + timedelta(hours=12)


def _view(row: ScaleSet, power: Power) -> InstanceView:
    instance = Instance.objects.get(scale_set=row, number=0)
    return replace(UP, os_disk=instance.os_disk, version=instance.version, power=power, address=instance.address)


def _is_seen(row: ScaleSet, view: InstanceView, now: datetime = NOW) -> int:
    pk: int = Instance.objects.get(scale_set=row, number=0).pk
    write_back.write_views(row.pk, {pk: view}, probed(row).instances, now)
    return pk
