"""Probed scale sets, and what is found of their instances."""

from tests.stories import a_scale_set
from upgrades.core.machines import InstanceView
from upgrades.core.states import Health, Power, Provisioning
from upgrades.models import ScaleSet
from upgrades.prober import probe_targets
from upgrades.prober.counts import ProbeCounts
from upgrades.prober.probe_targets import ProbedSet
from upgrades.probes.targets import Result, Target

UP = InstanceView("0", "web_0_OsDisk_1", "0.0.1", Power.RUNNING, Provisioning.SUCCEEDED, "127.0.0.1:20000")


def probed(row: ScaleSet) -> ProbedSet:
    found = probe_targets.read(row.pk)
    assert found
    return found


def a_probed_set(*, threshold: int = 2, instances: int = 3) -> ScaleSet:
    row = a_scale_set(instances=instances, probe="/health")
    ScaleSet.objects.filter(pk=row.pk).update(probe_threshold=threshold)
    return row


def answer(counts: ProbeCounts, of: ProbedSet, number: int, ok: bool, *, generation: str = "") -> None:
    find(counts, of, number, Health.HEALTHY if ok else Health.UNHEALTHY, generation=generation)


def find(counts: ProbeCounts, of: ProbedSet, number: int, health: Health, *, generation: str = "") -> None:
    assert of.probe
    instance = next(instance for instance in of.instances.values() if instance.number == number)
    target = Target(instance.pk, "127.0.0.1", 80, generation or instance.generation, of.probe)
    counts.take_result(Result(target, health, "HTTP 200" if health is Health.HEALTHY else "HTTP 503", 0.001))
