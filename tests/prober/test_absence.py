"""When a machine that no answer of its provider has any more is believed to be gone."""

from collections.abc import Collection
from dataclasses import replace

import pytest

from tests.prober.sets import probed
from tests.stories import a_scale_set
from upgrades.core.machines import InstanceView
from upgrades.core.states import Power, Provisioning
from upgrades.prober.absence import FEW_SECONDS, MANY_SECONDS, Absences
from upgrades.prober.probe_targets import ProbedSet

pytestmark = pytest.mark.django_db
TEN = 10


def a_set(instances: int = TEN) -> ProbedSet:
    known = probed(a_scale_set(instances=instances))
    return replace(
        known, instances={pk: replace(instance, os_disk=f"disk{pk}") for pk, instance in known.instances.items()}
    )


def without(known: ProbedSet, absent: Collection[int]) -> dict[str, InstanceView]:
    numbers = [instance.number for instance in known.instances.values() if instance.number not in absent]
    return {
        str(number): InstanceView(str(number), "disk", "1", Power.RUNNING, Provisioning.SUCCEEDED, "")
        for number in numbers
    }


def gone_after(absences: Absences, known: ProbedSet, absent: Collection[int], *times: float) -> set[int]:
    """Which are gone after answers without those at these times."""
    found: set[int] = set()
    for at in times:
        found = {instance.number for instance in absences.note(known, without(known, absent), at).values()}
    return found


def test_a_single_answer_without_a_machine_proves_nothing() -> None:
    known, absences = a_set(), Absences()
    assert gone_after(absences, known, [3], 0) == set()
    assert absences.is_doubtful(known.pk), "it is asked again soon"
    assert gone_after(absences, known, [3], 2) == set()
    assert gone_after(absences, known, [3], 4) == {3}


def test_answers_come_in_a_row_and_take_their_time() -> None:
    known, absences = a_set(), Absences()
    assert gone_after(absences, known, [3], 0, 1, 2, 2.9) == set(), f"not within {FEW_SECONDS} s"
    assert gone_after(absences, known, [3], 3) == {3}
    assert gone_after(absences, known, [], 4) == set() and not absences.is_doubtful(known.pk)
    assert gone_after(absences, known, [3], 5, 7) == set(), "it was there meanwhile"
    assert gone_after(absences, known, [3], 9) == {3}


def test_the_same_answer_twice_is_one() -> None:
    known, absences = a_set(), Absences()
    assert gone_after(absences, known, [3], 0, 0, 0, 0) == set()


@pytest.mark.parametrize("absent", [range(3), range(TEN)])
def test_many_absent_machines_take_longer_to_be_gone(absent: range) -> None:
    """More than 20 %, or all: likelier the provider is mistaken than that somebody deleted them."""
    known, absences = a_set(), Absences()
    assert gone_after(absences, known, absent, *range(0, int(MANY_SECONDS), 2)) == set()
    assert gone_after(absences, known, absent, MANY_SECONDS) == set(absent)


@pytest.mark.parametrize(
    ("instances", "absent", "seconds"), [(6, 1, FEW_SECONDS), (3, 1, FEW_SECONDS), (1, 1, MANY_SECONDS)]
)
def test_a_single_absence_is_few_and_an_empty_answer_is_not(instances: int, absent: int, seconds: float) -> None:
    known, absences = a_set(instances), Absences()
    assert gone_after(absences, known, range(absent), 0, 1, 2) == set()
    assert gone_after(absences, known, range(absent), seconds - 0.1) == set()
    assert gone_after(absences, known, range(absent), seconds) == set(range(absent))


def test_a_new_machine_of_the_same_number_is_awaited_anew() -> None:
    known, absences = a_set(), Absences()
    assert gone_after(absences, known, [3], 0, 2) == set()
    other = {
        pk: replace(instance, os_disk="another") if instance.number == 3 else instance
        for pk, instance in known.instances.items()
    }
    assert gone_after(absences, replace(known, instances=other), [3], 4) == set()


def test_an_instance_without_a_machine_cannot_be_absent() -> None:
    known, absences = a_set(), Absences()
    none = {pk: replace(instance, os_disk="") for pk, instance in known.instances.items()}
    assert gone_after(absences, replace(known, instances=none), range(TEN), *range(0, 100, 2)) == set()
    assert not absences.is_doubtful(known.pk)
