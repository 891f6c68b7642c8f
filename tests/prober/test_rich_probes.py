"""Rich probes, and extensions that are not provisioned: what becomes of an instance's health."""

import pytest

from tests.prober.sets import a_probed_set, find, probed
from tests.stories import NOW
from upgrades.core.states import Health
from upgrades.models import Instance, ScaleSet
from upgrades.prober import write_back
from upgrades.prober.counts import ProbeCounts

pytestmark = pytest.mark.django_db


def a_rich_set(*, threshold: int = 2, grace: int = 60, instances: int = 1) -> ScaleSet:
    """Of instances on fresh OS disks."""
    row = a_probed_set(threshold=threshold, instances=instances)
    ScaleSet.objects.filter(pk=row.pk).update(probe_is_rich=True, probe_grace_seconds=grace)
    Instance.objects.filter(scale_set=row).update(health=Health.INITIALIZING)
    return row


class Clock:
    """What the counts take for time.monotonic."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_rich_instance_is_initializing_until_its_grace_period_ends() -> None:
    """A-8"""
    clock, row = Clock(), a_rich_set(grace=60)
    counts, known = ProbeCounts(clock), probed(row)
    counts.know(known)
    for seconds in (0, 30, 59):
        clock.seconds = 100.0 + seconds
        find(counts, known, 0, Health.UNKNOWN)
        assert counts.take_unwritten() == {}
    clock.seconds = 160.0
    find(counts, known, 0, Health.UNKNOWN)
    (verdict,) = counts.take_unwritten()[row.pk]
    assert (verdict.health, verdict.detail) == (Health.UNKNOWN, "HTTP 503")


@pytest.mark.parametrize("health", [Health.HEALTHY, Health.UNHEALTHY])
def test_a_rich_health_answer_ends_initializing_at_once(health: Health) -> None:
    """A-8"""
    row = a_rich_set(threshold=2)
    counts, known = ProbeCounts(), probed(row)
    counts.know(known)
    for found in (Health.UNKNOWN, Health.UNKNOWN, Health.UNKNOWN, health, health):
        assert counts.take_unwritten() == {}
        find(counts, known, 0, found)
    assert [verdict.health for verdict in counts.take_unwritten()[row.pk]] == [health]


def test_a_new_os_disk_has_a_grace_period_of_its_own() -> None:
    clock, row = Clock(), a_rich_set(grace=60)
    counts = ProbeCounts(clock)
    counts.know(probed(row))
    clock.seconds += 59
    Instance.objects.filter(scale_set=row).update(os_disk="new")
    counts.know(probed(row))
    clock.seconds += 59
    find(counts, probed(row), 0, Health.UNKNOWN)
    assert counts.take_unwritten() == {}
    clock.seconds += 1
    find(counts, probed(row), 0, Health.UNKNOWN)
    assert [verdict.health for verdict in counts.take_unwritten()[row.pk]] == [Health.UNKNOWN]


def test_a_rich_instance_without_an_address_is_unknown() -> None:
    row = a_rich_set()
    Instance.objects.filter(scale_set=row).update(address="")
    counts = ProbeCounts()
    counts.know(probed(row))
    counts.take_unreachable(probed(row))
    assert [verdict.health for verdict in counts.take_unwritten()[row.pk]] == [Health.UNKNOWN]


FAILED, CREATING, DONE = ({"name": name, "state": name} for name in ("failed", "creating", "succeeded"))
BLAMED, WAITED_FOR = "extensions not provisioned: failed failed", "extensions not provisioned: creating not ready"


@pytest.mark.parametrize(
    ("before", "extensions", "found", "then", "detail"),
    [
        (Health.HEALTHY, [DONE, FAILED], Health.HEALTHY, Health.UNHEALTHY, BLAMED),
        (Health.INITIALIZING, [FAILED, CREATING], Health.HEALTHY, Health.UNHEALTHY, BLAMED),
        (Health.INITIALIZING, [CREATING, DONE], Health.HEALTHY, Health.INITIALIZING, WAITED_FOR),
        (
            Health.HEALTHY,
            [CREATING],
            Health.HEALTHY,
            Health.UNHEALTHY,
            WAITED_FOR,
        ),
        (Health.INITIALIZING, [CREATING], Health.UNHEALTHY, Health.UNHEALTHY, "HTTP 503"),
        (Health.INITIALIZING, [DONE], Health.HEALTHY, Health.HEALTHY, "HTTP 200"),
    ],
)
def test_no_probe_makes_an_instance_without_provisioned_extensions_healthy(
    before: Health, extensions: list[dict[str, str]], found: Health, then: Health, detail: str
) -> None:
    """S-32"""
    row = a_probed_set(threshold=1, instances=1)
    row.instances.update(health=before, extensions=extensions)
    counts, known = ProbeCounts(), probed(row)
    counts.know(known)
    find(counts, known, 0, found)
    (verdict,) = counts.take_unwritten()[row.pk]
    assert (verdict.health, verdict.detail) == (then, detail)


def test_the_detail_says_when_an_extension_is_to_blame_and_when_no_longer() -> None:
    """S-32: the instance is unhealthy all the time."""
    row = a_probed_set(threshold=1, instances=1)
    row.instances.update(health=Health.UNHEALTHY, health_detail="HTTP 503")
    said = []
    for extensions in ([DONE], [FAILED], [FAILED], [DONE]):
        row.instances.update(extensions=extensions)
        counts, known = ProbeCounts(), probed(row)
        counts.know(known)
        find(counts, known, 0, Health.UNHEALTHY)
        write_back.write_verdicts(row.pk, counts.take_unwritten().get(row.pk, []), NOW)
        said.append((row.instances.get().health_detail, ScaleSet.objects.get(pk=row.pk).seq - row.seq))
    assert said == [("HTTP 503", 0), (BLAMED, 1), (BLAMED, 1), ("HTTP 503", 2)]


def test_machines_with_extensions_in_provisioning_are_viewed_often() -> None:
    row = a_probed_set(instances=2)
    assert not probed(row).is_settling
    row.instances.filter(number=1).update(extensions=[CREATING])
    assert probed(row).is_settling
