"""How many instances there are, and are to be: facts in, one step out."""

from dataclasses import replace

from tests.core.deciding import NEW, NOW, OLD, fleet, step, upgrading, verifying, why, with_instance
from tests.core.world import image
from upgrades.core.facts import Hold, InstanceFacts
from upgrades.core.states import Health
from upgrades.core.steps import WORK_POLL_INTERVAL, AddInstances, Fault, RemoveInstances, StartBatch, Wait, Why


def test_missing_instances_are_added_on_the_newest_image() -> None:
    assert step(replace(fleet(3), capacity=5)) == AddInstances(2, image(NEW))
    assert why(replace(fleet(3, latest_image=None), capacity=5)) is Why.NO_IMAGE


def test_surplus_instances_are_removed_from_the_end() -> None:
    assert step(replace(fleet(5), capacity=3)) == RemoveInstances((3, 4))
    protected = with_instance(with_instance(fleet(5), 4, opt_out=Hold("ada", "debugging")), 3, is_busy=True)
    assert step(replace(protected, capacity=4)) == RemoveInstances((2,))
    assert step(replace(fleet(2), capacity=0)) == RemoveInstances((0, 1))


def test_instances_being_deleted_are_not_surplus_again() -> None:
    """Scaling in by two removed two, and while these went the next two, and so on to the last."""
    facts = replace(fleet(5), capacity=3)
    for id in (3, 4):
        facts = with_instance(facts, id, is_busy=True, is_being_deleted=True)
    assert step(replace(facts, automatic=False)) == Wait(
        NOW + WORK_POLL_INTERVAL, Why.CREATING, "Removing 2 instances."
    )
    assert step(replace(facts, capacity=5)) == AddInstances(2, image(NEW))


def test_machines_that_are_being_created_are_asked_about_soon() -> None:
    facts = with_instance(replace(fleet(5), automatic=False), 2, is_busy=True)
    assert step(facts) == Wait(NOW + WORK_POLL_INTERVAL, Why.CREATING, "Changing 1 instance.")


def test_instances_being_deleted_count_for_no_limit() -> None:
    """Neither do the healthy among them make the sick fewer, nor the sick the healthy."""
    facts = upgrading(replace(fleet(4, sick=1), capacity=4))
    leaving = tuple(InstanceFacts(id, OLD, is_busy=True, is_being_deleted=True) for id in range(4, 10))
    assert isinstance(step(replace(facts, instances=(*facts.instances, *leaving))), Fault)
    sick = tuple(replace(instance, health=Health.UNHEALTHY) for instance in leaving)
    calm = upgrading(fleet(4))
    assert step(replace(calm, instances=(*calm.instances, *sick))) == StartBatch(1, (0,))


def test_an_instance_in_flight_is_not_removed() -> None:
    facts = upgrading(replace(fleet(5), capacity=4), verifying(4), verifying(3))
    assert step(facts) == RemoveInstances((2,))
