"""Instances without a machine: table tests of core/missing.py and of the rules that ask it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.core.deciding import NEW, NOW, fleet, step
from tests.core.world import image
from upgrades.core import backoff, batches, health, missing
from upgrades.core.decide import decide
from upgrades.core.facts import Facts, Hold, InstanceFacts, MissingMachine
from upgrades.core.states import Health, StartedBy
from upgrades.core.steps import AddInstances, RecreateMachines, RemoveInstances, StartUpgrade, Wait, Why

SECOND = timedelta(seconds=1)
REFUSED = MissingMachine(NOW, tries=1, tried_at=NOW, error="no quota")
GONE = MissingMachine(NOW, had_machine=True)


def lacking(count: int, how: dict[int, MissingMachine], **changes: Any) -> Facts:
    """So many instances, all on the newest version; these have no machine."""
    facts = fleet(count, **changes)
    assert facts.latest_image
    rows = [replace(instance, version=facts.latest_image.version) for instance in facts.instances]
    rows = [
        replace(instance, version="", health=Health.UNKNOWN, missing=how.get(instance.id))
        if instance.id in how
        else instance
        for instance in rows
    ]
    return replace(facts, instances=tuple(rows))


@pytest.mark.parametrize(
    ("tries", "seconds"), [(1, 15), (2, 30), (3, 60), (4, 120), (5, 240), (6, 480), (7, 900), (50, 900)]
)
def test_the_wait_doubles_up_to_a_quarter_of_an_hour(tries: int, seconds: int) -> None:
    facts = lacking(4, {3: replace(REFUSED, tries=tries)})
    until = NOW + seconds * SECOND
    waits = missing.first_creation_at(facts, until - SECOND)
    assert waits == until and missing.to_create_now(facts, until - SECOND) == []
    assert [instance.id for instance in missing.to_create_now(facts, until)] == [3]
    assert isinstance(decide(facts, until), RecreateMachines)


def test_a_wait_that_began_in_the_future_is_over() -> None:
    facts = lacking(4, {3: REFUSED})
    assert missing.to_create_now(facts, NOW - timedelta(hours=1)), "a clock was set back"
    assert not missing.to_create_now(facts, NOW - 2 * SECOND), "another computer's clock is a little late"


def test_instances_that_need_not_wait_are_created_at_once() -> None:
    assert missing.to_create_now(lacking(4, {3: replace(REFUSED, tries=9, tried_at=None)}), NOW)


@pytest.mark.parametrize(
    ("total", "gone", "first", "then"),
    [
        (1, 1, 1, 0),
        (6, 1, 1, 0),
        (6, 2, 1, 1),
        (10, 2, 2, 0),
        (10, 10, 2, 8),
        (1000, 1000, 200, 800),
        (1000, 200, 200, 0),
    ],
)
def test_vanished_instances_are_created_a_few_at_a_time(total: int, gone: int, first: int, then: int) -> None:
    facts = lacking(total, dict.fromkeys(range(gone), GONE))
    due = {instance.id for instance in missing.to_create_now(facts, NOW)}
    assert len(due) == first
    busy = tuple(
        replace(instance, is_busy=instance.id in due, is_being_created=instance.id in due)
        for instance in facts.instances
    )
    assert missing.to_create_now(replace(facts, instances=busy), NOW) == [], "the others wait for these"
    made = tuple(replace(instance, missing=None) if instance.id in due else instance for instance in facts.instances)
    assert bool(missing.to_create_now(replace(facts, instances=made), NOW)) == bool(then)


def test_other_machines_wait_while_one_cannot_be_created() -> None:
    """The provider, which says that they are gone, says too that they are there: it may be mistaken."""
    exists = replace(GONE, tries=1, tried_at=NOW, error="it exists already")
    facts = lacking(10, {**dict.fromkeys(range(10), GONE), 0: exists, 1: exists})
    assert missing.to_create_now(facts, NOW + SECOND) == []
    assert [instance.id for instance in missing.to_create_now(facts, NOW + 15 * SECOND)] == [0, 1]


def test_no_more_machines_are_created_than_the_capacity() -> None:
    facts = lacking(6, {4: replace(REFUSED, tried_at=None), 5: replace(REFUSED, tried_at=None)}, capacity=5)
    assert [instance.id for instance in missing.to_create(facts)] == [4]
    kept = replace(
        facts,
        capacity=3,
        instances=tuple(replace(instance, is_protected_from_scale_in=True) for instance in facts.instances),
    )
    assert missing.to_create(kept) == []


def test_new_instances_come_before_retried_ones() -> None:
    facts = lacking(4, {3: replace(REFUSED, tried_at=None)}, capacity=5)
    first = step(facts)
    assert isinstance(first, AddInstances) and first.count == 1


def test_an_opt_out_does_not_block_creating_a_missing_machine() -> None:
    facts = lacking(4, {3: GONE})
    held = tuple(replace(instance, opt_out=Hold("ada", "x")) for instance in facts.instances)
    assert step(replace(facts, instances=held)) == RecreateMachines((3,), image(NEW))


def test_scaling_in_removes_instances_without_a_machine_first() -> None:
    facts = lacking(6, {1: REFUSED, 3: REFUSED}, capacity=3)
    assert step(facts) == RemoveInstances((1, 3, 5))
    zones = tuple(replace(instance, zone=str(instance.id % 2)) for instance in facts.instances)
    assert batches.choose_for_removal(facts, zones, 2) == (1, 3)


def test_an_opted_out_instance_is_not_removed_though_it_has_no_machine() -> None:
    facts = lacking(4, {3: REFUSED}, capacity=3)
    held = tuple(
        replace(instance, opt_out=Hold("ada", "x") if instance.id == 3 else None) for instance in facts.instances
    )
    assert step(replace(facts, instances=held)) == RemoveInstances((2,))


def test_no_machine_is_removed_for_one_that_is_being_made() -> None:
    facts = fleet(5, capacity=4)
    coming = tuple(
        replace(instance, is_busy=instance.id == 4, is_being_created=instance.id == 4) for instance in facts.instances
    )
    assert not isinstance(step(replace(facts, instances=coming)), RemoveInstances)
    assert step(replace(facts, capacity=3, instances=coming)) == RemoveInstances((3,))


@pytest.mark.parametrize("how", [{"missing": REFUSED}, {"missing": GONE}, {"is_busy": True, "is_being_created": True}])
def test_missing_instances_count_for_no_limit(how: dict[str, object]) -> None:
    rows = [InstanceFacts(id, "1") for id in range(4)]
    away = [InstanceFacts(id, "", Health.UNKNOWN, **how) for id in (4, 5)]  # type: ignore[arg-type]
    facts = Facts(6, instances=(*rows, *away))
    assert len(facts.counted) == 4 and health.unhealthy(facts, NOW) == [] and health.initializing(facts, NOW) == []
    assert not backoff.is_platform_gate_shut(facts, NOW)
    assert not {4, 5} & {instance.id for instance in batches.available(facts, StartedBy.USER)}


def test_missing_machines_always_lead_to_a_step_or_a_wait_with_its_reason() -> None:
    waits = step(lacking(4, {3: REFUSED}))
    assert isinstance(waits, Wait) and waits.why is Why.CREATION_FAILED and waits.until == NOW + 15 * SECOND
    assert waits.text == "1 of 4 machines is missing."
    busy = lacking(4, {3: GONE})
    rows = tuple(
        replace(instance, is_busy=instance.id == 3, is_being_created=instance.id == 3) for instance in busy.instances
    )
    assert step(replace(busy, instances=rows)).why is Why.CREATING  # type: ignore[union-attr]


def test_first_creations_are_waited_for_until_a_limit() -> None:
    """As long as for any first verdict; a creation that never ends shuts no gate after that either."""
    facts = fleet(5)
    new = InstanceFacts(5, "", Health.INITIALIZING, NOW, is_busy=True, is_being_created=True)
    facts = replace(facts, capacity=6, instances=(*facts.instances, new))
    assert step(facts).why is Why.INITIALIZING  # type: ignore[union-attr]
    later = NOW + timedelta(minutes=5)
    assert isinstance(decide(replace(facts, health_complete_at=later), later), StartUpgrade)
