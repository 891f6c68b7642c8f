"""Upgrades of the extensions by the same rules: facts in, one step out. The rules themselves are in test_decide.py and test_rules.py."""

from dataclasses import replace
from typing import Any

import pytest

from tests.core.deciding import NEW, NOW, OLD, fleet, step, verifying, with_instance
from tests.core.test_rules import STOP
from tests.core.world import image
from upgrades.core import batches
from upgrades.core.documents import ExtensionModel
from upgrades.core.extensions import key_of_machine, key_of_model
from upgrades.core.facts import Batch, Facts, Hold, InstanceUpgradeFacts, Upgrade
from upgrades.core.machines import ExtensionView
from upgrades.core.policy import Policy
from upgrades.core.preview import preview
from upgrades.core.reason_kinds import ReasonCode
from upgrades.core.reasons import reasons
from upgrades.core.states import FaultCode, Health, InstanceUpgradeState, Provisioning, StartedBy, UpgradeKind
from upgrades.core.steps import Complete, Fault, StartBatch, StartUpgrade, Wait, Why

BEFORE, WANTED = "agent 1.0", "agent 2.0"


def extending(facts: Facts, *members: InstanceUpgradeFacts, finished: bool = False, **changes: Any) -> Facts:
    """The same fleet, on its newest image with the extensions of before, with such an upgrade, and these members in its only batch."""
    made = (Batch(1, members, NOW if finished else None),) if members else ()
    kind = UpgradeKind.EXTENSIONS
    upgrade = Upgrade(image(""), StartedBy.USER, facts.policy, kind=kind, extensions_key=WANTED, batches=made)
    instances = tuple(
        replace(instance, extensions_key=instance.extensions_key or BEFORE) for instance in facts.instances
    )
    return replace(facts, instances=instances, upgrade=replace(upgrade, **changes))


def current(facts: Facts, *ids: int) -> Facts:
    for id in ids:
        facts = with_instance(facts, id, extensions_key=WANTED)
    return facts


def test_batches_take_instances_without_the_models_extensions() -> None:
    assert step(extending(fleet(10))) == StartBatch(1, (0, 1))
    assert step(extending(current(fleet(10), 0, 2))) == StartBatch(1, (1, 3))


def test_an_extension_upgrade_is_complete_when_all_have_them() -> None:
    assert step(extending(current(fleet(3), 0, 1, 2))) == Complete()


@pytest.mark.parametrize("version", [OLD, NEW, "16.04.9"])
def test_an_instance_is_taken_on_any_version_of_its_image(version: str) -> None:
    assert step(extending(fleet(10, version=version))) == StartBatch(1, (0, 1))


@pytest.mark.parametrize(
    "changes",
    [
        {"opt_out": Hold("ada", "debugging")},
        {"is_busy": True},
        {"is_switched_off": True},
        {"is_being_deleted": True, "is_busy": True},
        {"version": ""},
    ],
)
def test_instances_that_no_upgrade_may_touch_are_left_alone(changes: dict[str, Any]) -> None:
    facts = with_instance(extending(fleet(10)), 0, **changes)
    assert facts.upgrade
    assert 0 not in [instance.id for instance in batches.takeable_now(facts, facts.upgrade)]


def test_a_person_takes_the_quarantined_too() -> None:
    facts = with_instance(extending(fleet(10)), 0, is_quarantined=True, failed_version=NEW)
    assert step(facts) == StartBatch(1, (0, 1))


def test_a_wait_for_running_extensions_has_its_own_reason() -> None:
    members = (
        InstanceUpgradeFacts(0, InstanceUpgradeState.UPGRADING),
        InstanceUpgradeFacts(1, InstanceUpgradeState.QUEUED),
    )
    answer = step(extending(fleet(10), *members))
    assert isinstance(answer, Wait)
    assert (answer.why, answer.text) == (Why.RUNNING_EXTENSIONS, "Running extensions on 2 instances.")


def test_health_after_extensions_is_awaited_as_after_a_swap() -> None:
    facts = with_instance(extending(fleet(10), verifying(0)), 0, health=Health.INITIALIZING, health_since=NOW)
    answer = step(facts)
    assert isinstance(answer, Wait)
    assert answer.why is Why.VERIFYING


def test_the_gate_is_before_every_batch() -> None:
    answer = step(extending(fleet(10, sick=3)))
    assert isinstance(answer, Fault)
    assert answer.breach.code is FaultCode.UNHEALTHY_BEFORE


@pytest.mark.parametrize("started_by", list(StartedBy))
def test_a_failed_upgrade_of_extensions_rolls_nothing_back(started_by: StartedBy) -> None:
    policy = Policy(rollback_on_breach=True)
    failed = (
        InstanceUpgradeFacts(0, InstanceUpgradeState.FAILED),
        InstanceUpgradeFacts(1, InstanceUpgradeState.FAILED),
    )
    facts = extending(fleet(10), *failed, policy=policy, started_by=started_by)
    answer = step(facts)
    assert isinstance(answer, Fault)
    assert answer.breach.code is FaultCode.TOO_MANY_FAILED


def test_a_failed_instance_is_not_taken_again_by_the_same_extension_upgrade() -> None:
    facts = extending(
        fleet(10),
        InstanceUpgradeFacts(0, InstanceUpgradeState.FAILED),
        *(InstanceUpgradeFacts(id, InstanceUpgradeState.SUCCEEDED) for id in range(1, 6)),
    )
    facts = current(extending(facts, *facts.upgrade.members, finished=True) if facts.upgrade else facts, 1, 2, 3, 4, 5)
    assert step(facts) == StartBatch(2, (6, 7))


def test_a_newer_image_waits_for_its_end() -> None:
    """And is taken by itself then."""
    facts = extending(fleet(2, version=OLD), InstanceUpgradeFacts(0, InstanceUpgradeState.SUCCEEDED), finished=True)
    assert step(facts) == StartBatch(2, (1,))
    assert step(current(facts, 0, 1)) == Complete()
    assert step(replace(facts, upgrade=None)) == StartUpgrade(image(NEW), StartedBy.PLATFORM)


def test_a_fleet_stop_does_not_hold_upgrades_started_by_people() -> None:
    assert step(extending(fleet(10, fleet_stop=STOP))) == StartBatch(1, (0, 1))


def test_changed_extensions_start_nothing_by_themselves() -> None:
    facts = replace(extending(fleet(10, version=NEW)), upgrade=None)
    answer = step(facts)
    assert isinstance(answer, Wait)
    assert answer.why is Why.NOTHING_TO_DO


# --- what is said ---


def test_reasons_speak_of_the_extension_upgrade() -> None:
    members = (
        InstanceUpgradeFacts(0, InstanceUpgradeState.UPGRADING),
        InstanceUpgradeFacts(1, InstanceUpgradeState.QUEUED),
    )
    facts = with_instance(extending(fleet(10, version=NEW), *members), 9, opt_out=Hold("ada", "debugging"))
    facts = with_instance(current(facts, 8), 8, opt_out=Hold("ada", "no reason to name it"))
    found = {reason.code: reason.instances for reason in reasons(facts, NOW)}
    assert found == {
        Why.RUNNING_EXTENSIONS: (0, 1),
        ReasonCode.OPTED_OUT: (9,),
        ReasonCode.WAITS_FOR_TURN: (2, 3, 4, 5, 6, 7),
    }


def test_the_plan_of_an_extension_upgrade_is_of_extensions() -> None:
    plan = preview(extending(current(fleet(7), 3), InstanceUpgradeFacts(0, InstanceUpgradeState.UPGRADING)), NOW)
    assert (plan.kind, plan.target) == (UpgradeKind.EXTENSIONS, "")
    assert [batch.instances for batch in plan.batches] == [(1,), (2,), (4,), (5,), (6,)]
    added = preview(replace(extending(fleet(2)), capacity=4), NOW)
    assert [batch.instances for batch in added.batches] == [(0,), (1,)]


# --- the key ---


def test_a_machine_has_the_models_extensions_whatever_their_order_and_spelling() -> None:
    model = [ExtensionModel("Script", "p", "t", ("agent",), "2.1"), ExtensionModel("agent", "p", "t", (), "")]
    views = [
        ExtensionView("AGENT", Provisioning.CREATING),
        ExtensionView("script", Provisioning.SUCCEEDED, version="2.1"),
    ]
    assert key_of_model(model) == key_of_machine(views) == "agent\nscript 2.1"


def test_an_extension_that_failed_is_as_good_as_absent() -> None:
    view = ExtensionView("agent", Provisioning.SUCCEEDED, version="1.0")
    assert key_of_machine([view, replace(view, name="script", state=Provisioning.FAILED)]) == "agent 1.0"
    assert key_of_machine([]) == key_of_model([]) == ""
