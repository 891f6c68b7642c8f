"""Deferred upgrades: nothing happens to an instance before a person approves it (A-24, Z-1.13)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.core.deciding import MINUTE, NEW, NOW, OLD, fleet, step, upgrading, verifying, why, with_instance
from tests.core.test_reasons import HOLD, codes, the
from tests.core.test_rules import STOP, chosen, stopped
from tests.core.world import image
from tests.stories import document, edited
from upgrades.core import documents
from upgrades.core.facts import Facts, InstanceUpgradeFacts
from upgrades.core.policy import Policy
from upgrades.core.preview import preview
from upgrades.core.reason_kinds import LiftedBy, ReasonCode
from upgrades.core.states import Health, InstanceUpgradeState
from upgrades.core.steps import Cancel, Complete, Fault, StartBatch, StartUpgrade, Wait, Why

DEFERRED = Policy(deferral=True)
DONE = (
    InstanceUpgradeFacts(0, InstanceUpgradeState.SUCCEEDED),
    InstanceUpgradeFacts(1, InstanceUpgradeState.SUCCEEDED),
)
AUTOMATIC = "properties.upgradePolicy.automaticOSUpgradePolicy"


def deferred(facts: Facts, *members: InstanceUpgradeFacts, approved: Sequence[int] = (), **changes: Any) -> Facts:
    """An upgrade that waits for approval, and has that of these."""
    for id in approved:
        facts = with_instance(facts, id, approved_version=NEW)
    return upgrading(facts, *members, **{"policy": DEFERRED, **changes})


# --- who is taken ---


def test_a_deferred_upgrade_waits_for_approval() -> None:
    assert isinstance(step(fleet(10, policy=DEFERRED)), StartUpgrade)
    found = step(deferred(fleet(10)))
    assert isinstance(found, Wait) and found.why is Why.WAITING_FOR_APPROVAL
    assert found.text == f"10 instances are waiting for approval of the upgrade to {NEW}."


def test_a_batch_is_of_approved_instances_and_its_size_of_all() -> None:
    found = step(deferred(fleet(10), approved=(3, 8)))
    assert isinstance(found, StartBatch) and found.instances == (3, 8)
    assert chosen(deferred(fleet(10), approved=range(10))) == (0, 1)
    alone = step(deferred(fleet(10), approved=(9,)))
    assert isinstance(alone, StartBatch) and alone.why == "20 % of 10 is 2, so at most 2; 1 is approved there."


def test_an_approval_is_of_one_version() -> None:
    assert why(deferred(with_instance(fleet(10), 0, approved_version=OLD))) is Why.WAITING_FOR_APPROVAL
    assert why(deferred(with_instance(fleet(10), 0, approved_version="16.04.3"))) is Why.WAITING_FOR_APPROVAL


def test_an_upgrade_that_a_person_starts_is_its_own_approval() -> None:
    body = edited(document(), f"{AUTOMATIC}.osRollingUpgradeDeferral", True)
    model = documents.read(body)
    assert (model.policy.deferral, model.policy_by_hand.deferral) == (True, False)
    own = edited(body, f"{AUTOMATIC}.useRollingUpgradePolicy", True)
    assert documents.read(own).policy.deferral
    assert not documents.read(document()).policy.deferral
    assert chosen(upgrading(fleet(10))) == (0, 1)


def test_an_approval_ends_no_other_hold() -> None:
    """Opted out, quarantined, switched off: as ever."""
    facts = deferred(fleet(3), approved=(0, 1, 2))
    for changes in ({"opt_out": HOLD}, {"is_quarantined": True}, {"is_switched_off": True}, {"is_busy": True}):
        assert chosen(with_instance(facts, 0, **changes)) == (1,)


def test_a_deferred_upgrade_is_complete_when_all_are_upgraded_or_skipped() -> None:
    facts = with_instance(deferred(fleet(2, version=NEW)), 1, version=OLD)
    assert why(facts) is Why.WAITING_FOR_APPROVAL
    assert step(with_instance(facts, 1, opt_out=HOLD)) == Complete()


# --- what comes before it, and what after ---


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"paused_by": "ada"}, Why.PAUSED), ({}, Why.FLEET_STOPPED)],
)
def test_pauses_and_fleet_stops_come_before_approval(changes: dict[str, Any], expected: Why) -> None:
    assert why(replace(deferred(fleet(10), **changes), fleet_stop=STOP)) is expected


def test_an_upgrade_that_waits_for_approval_can_be_cancelled() -> None:
    assert isinstance(step(deferred(fleet(10), cancel_requested_by="ada")), Cancel)
    assert isinstance(step(replace(deferred(fleet(10)), automatic=False)), Cancel)


def test_deferred_upgrade_without_approval_is_not_stopped_at_the_gate() -> None:
    assert why(deferred(fleet(10, sick=5))) is Why.WAITING_FOR_APPROVAL
    assert why(deferred(fleet(10, health_complete_at=None))) is Why.WAITING_FOR_APPROVAL
    assert isinstance(step(deferred(fleet(10, sick=5), approved=(0,))), Fault)
    assert why(deferred(fleet(10, health_complete_at=None), approved=(0,))) is Why.STALE_HEALTH


def test_a_pause_is_told_only_where_something_approved_remains() -> None:
    policy = replace(DEFERRED, pause_between_batches=MINUTE)
    facts = deferred(fleet(10), *DONE, finished=True, policy=policy)
    assert why(facts) is Why.WAITING_FOR_APPROVAL and Why.PAUSE_BETWEEN_BATCHES not in codes(facts)
    facts = deferred(fleet(10), *DONE, finished=True, policy=policy, approved=(5,))
    assert why(facts) is Why.PAUSE_BETWEEN_BATCHES and codes(facts) == [
        Why.WAITING_FOR_APPROVAL,
        Why.PAUSE_BETWEEN_BATCHES,
        ReasonCode.WAITS_FOR_TURN,
    ]


def test_the_batch_in_flight_is_finished_first() -> None:
    facts = with_instance(fleet(10), 0, health=Health.INITIALIZING)
    assert why(deferred(facts, verifying(0))) is Why.VERIFYING


def test_unapproved_upgrades_give_way_to_a_newer_version() -> None:
    """Nobody need approve one image after the other; what is approved is finished first."""
    newer = fleet(10, latest_image=image("16.04.3"))
    found = step(deferred(newer))
    assert found == Cancel("Nobody had approved what was left, and 16.04.3 is there.")
    assert chosen(deferred(newer, approved=(4,))) == (4,)
    assert why(deferred(newer, paused_by="ada")) is Why.PAUSED
    assert isinstance(step(upgrading(newer)), StartBatch)


# --- reasons and plans ---


def test_unapproved_instances_have_a_reason_that_an_operator_can_lift() -> None:
    facts = with_instance(deferred(fleet(5), approved=(1,)), 4, opt_out=HOLD)
    found = the(Why.WAITING_FOR_APPROVAL, facts)
    assert (found.action, found.lifted_by, found.holder, found.instances) == (
        "approve",
        LiftedBy.OPERATOR,
        "approval",
        (0, 2, 3),
    )
    assert found.numbers == {"instances": 3}
    assert the(ReasonCode.WAITS_FOR_TURN, facts).instances == (1,)
    behind = with_instance(fleet(2, version=NEW), 1, version=OLD)
    assert the(Why.WAITING_FOR_APPROVAL, deferred(behind)).text == (
        f"1 instance is waiting for approval of the upgrade to {NEW}."
    )


def test_instances_can_be_approved_before_the_upgrade_begins() -> None:
    facts = with_instance(fleet(5, policy=DEFERRED, last_attempt=stopped()), 0, is_quarantined=True)
    assert the(Why.WAITING_FOR_APPROVAL, facts).instances == (1, 2, 3, 4)
    assert Why.WAITING_FOR_APPROVAL not in codes(replace(facts, automatic=False))
    assert Why.WAITING_FOR_APPROVAL not in codes(fleet(5, version=NEW, policy=DEFERRED))


def test_an_upgrade_that_is_to_stop_waits_for_no_approval() -> None:
    assert Why.WAITING_FOR_APPROVAL not in codes(deferred(fleet(5), verifying(0), cancel_requested_by="ada"))


def test_a_plan_takes_the_approved_first_and_goes_on_behind_the_approval() -> None:
    found = preview(deferred(fleet(10), approved=(6, 7)), NOW)
    assert [batch.instances for batch in found.batches] == [(6, 7), (0, 1), (2, 3), (4, 5), (8, 9)]
    assert [(block.code, block.text.split()[0]) for block in found.blocks] == [(Why.WAITING_FOR_APPROVAL, "8")]
