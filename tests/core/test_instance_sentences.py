"""What each instance says of itself: which message is chosen; the pages' tests hold what they make of it."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given

from tests.core.deciding import NEW, NOW, OLD, fleet, upgrading, with_instance
from tests.core.fleets import fleets
from tests.core.test_board import board
from tests.core.test_extension_upgrades import extending
from tests.core.test_surges import member, surging
from upgrades.core.catalogue import messages_in
from upgrades.core.facts import Facts, InstanceFacts, InstanceUpgradeFacts
from upgrades.core.instance_sentences import instance_messages
from upgrades.core.instance_states import InstanceState, states_of
from upgrades.core.message_format import chosen, read
from upgrades.core.ranges import numbers_in
from upgrades.core.states import Health, InstanceUpgradeState, OperationKind


def said(facts: Facts) -> Mapping[int, str]:
    """Which message each instance says, without "instance."."""
    told = board(facts)["says"]
    return {id: said["key"].removeprefix("instance.") for said in told for id in numbers_in(said["instances"])}


@given(fleets())
def test_each_instance_says_one_thing_unless_it_is_held(facts: Facts) -> None:
    found = board(facts)
    told = [id for said in found["says"] for id in numbers_in(said["instances"])]
    held = numbers_in(found["states"].get("held", ""))
    assert len(told) == len(set(told)) and set(told) | set(held) == {instance.id for instance in facts.instances}
    assert all(said["template"] == messages_in("en")[said["key"]] for said in found["says"])


def test_every_state_has_its_message() -> None:
    missing = [state for state in InstanceState if f"instance.{state.value.replace('-', '_')}" not in messages_in("en")]
    assert missing == [InstanceState.HELD]


def test_waiting_is_for_an_upgrade_to_begin_or_for_the_next_batch() -> None:
    assert said(fleet(2)) == dict.fromkeys((0, 1), "pending.to_begin")
    assert said(upgrading(fleet(10)))[9] == "pending"
    assert said(extending(fleet(10)))[9] == "pending.extensions"
    assert said(extending(fleet(10), InstanceUpgradeFacts(0, InstanceUpgradeState.QUEUED)))[0] == "queued.extensions"


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        (OperationKind.REIMAGE, "The OS disk is being replaced; data disks stay as they are."),
        (OperationKind.EXTENSIONS, "Its extensions are being run; its disks stay as they are."),
        (OperationKind.START, "The machine is being started."),
        (OperationKind.RESTART, "The machine is being restarted."),
        (OperationKind.POWER_OFF, "The machine is being switched off."),
        (OperationKind.DEALLOCATE, "The machine is being switched off."),
    ],
)
def test_an_operation_by_hand_is_said_from_its_request_on(operation: OperationKind, words: str) -> None:
    """Pages give the sentence the instance's `operation` of the feed."""
    facts = with_instance(fleet(3), 1, is_busy=True, health=Health.INITIALIZING)
    assert said(facts)[1] == "upgrading"
    assert list(chosen(read(messages_in("en")["instance.upgrading"]), {"operation": operation.value})) == [words]


def test_a_rolled_back_instance_that_is_unhealthy_says_both() -> None:
    facts = with_instance(fleet(10), 0, health=Health.UNHEALTHY, failed_version=NEW, was_rolled_back=True)
    states = {**states_of(facts, NOW, ""), 0: InstanceState.UNHEALTHY}
    assert {said["key"]: said["instances"] for said in instance_messages(facts, states)}[
        "instance.unhealthy.rolled_back"
    ] == "0"


def test_both_instances_of_a_surge_pair_have_a_sentence() -> None:
    facts = surging(
        fleet(10), member(0), member(1, InstanceUpgradeState.QUEUED), member(2, InstanceUpgradeState.SUCCEEDED)
    )
    found = said(facts)
    assert (found[0], found[100]) == ("stays_until_replaced", "replaces_when_healthy")
    assert (found[1], found[101]) == ("stays_until_replaced", "replaces_when_created")
    assert found[102] == "done"
    leaving = InstanceFacts(2, OLD, is_busy=True, is_being_deleted=True)
    assert said(replace(facts, instances=(*facts.instances, leaving)))[2] == "replaced"


def test_a_new_instance_that_replaces_nothing_says_so() -> None:
    facts = surging(fleet(10), member(0, InstanceUpgradeState.FAILED))
    assert said(facts)[100] == "does_not_replace" and said(facts)[0] == "failed"
    leaving = with_instance(facts, 100, is_busy=True, is_being_deleted=True)
    assert said(leaving)[100] == "removed_unused"
    assert said(replace(leaving, upgrade=None))[100] == "removed_unused", "after the upgrade too"
