"""Approving what deferred upgrades wait for: of which version, of which instances, and what is refused (A-24)."""

from datetime import timedelta

import pytest

from tests.stories import (
    NOW,
    a_batch,
    a_scale_set,
    document,
    edited,
    nothing_changes,
    publish,
    refused,
    snapshot_equals_events,
)
from upgrades.commands.approvals import approve, withdraw_approval
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.policies import change_policy
from upgrades.commands.upgrades import start
from upgrades.core.states import InstanceUpgradeState
from upgrades.feed import read
from upgrades.models import Instance, RollingUpgrade, ScaleSet, Transition
from upgrades.orchestrator.reconcile import reconcile

LATER = NOW + timedelta(seconds=5)
NEW, NEWER = "16.04.1", "16.04.2"
DEFERRAL = "properties.upgradePolicy.automaticOSUpgradePolicy.osRollingUpgradeDeferral"
WEB = "fleet/web"

pytestmark = pytest.mark.django_db


def deferred_set(instances: int = 10) -> ScaleSet:
    return a_scale_set(instances=instances, model=edited(document(capacity=instances), DEFERRAL, True))


def waiting(instances: int = 10) -> RollingUpgrade:
    """An upgrade of the platform's that waits for approval; nobody reconciles the set before an hour is over."""
    row = deferred_set(instances)
    publish(NEW)
    reconcile(row.pk, lambda: NOW)
    ScaleSet.objects.update(reconcile_at=NOW + timedelta(hours=1))
    return RollingUpgrade.objects.get()


def approved() -> dict[int, str]:
    return dict(Instance.objects.exclude(approved_version="").values_list("number", "approved_version"))


def taken() -> list[int]:
    """By any batch."""
    return sorted(Instance.objects.exclude(member=None).values_list("number", flat=True))


def reconcile_now() -> None:
    reconcile(ScaleSet.objects.get().pk, lambda: LATER)


# --- approving --------------------------------------------------------------------------------------------------------


def test_only_approved_instances_are_upgraded() -> None:
    upgrade = waiting()
    assert (upgrade.policy["deferral"], upgrade.ends_by) == (True, None)
    assert ScaleSet.objects.get().decision["code"] == "WaitsForApproval" and taken() == []
    with snapshot_equals_events():
        approval = approve("FLEET/web", ["3", "1"], by="ada", now=LATER)
    assert (approval.version, [row.number for row in approval.instances]) == (NEW, [3, 1])
    assert ScaleSet.objects.get().reconcile_at == LATER
    reconcile_now()
    assert taken() == [1, 3]


def test_approvals_are_in_the_feed_and_audited() -> None:
    upgrade = waiting()
    approve(WEB, ["3"], by="ada", now=LATER)
    seen = read.snapshot(upgrade.scale_set_id)
    assert seen["instances"]["3"]["approved_version"] == NEW and seen["upgrade"]["policy"]["deferral"] is True
    line = Transition.objects.latest("pk")
    assert (line.instance_number, line.note) == (3, f"Approved for {NEW} by ada.")


def test_an_approval_without_names_covers_all_waiting_instances_but_opted_out_ones() -> None:
    waiting(4)
    opt_out(WEB, ["2"], reason="why", owner="me", now=NOW)
    Instance.objects.filter(number=0).update(version=NEW)
    assert [row.number for row in approve(WEB, by="ada", now=LATER).instances] == [1, 3]
    assert approved() == {1: NEW, 3: NEW}
    assert [row.number for row in approve(WEB, ["2"], by="ada", now=LATER).instances] == [2]
    reconcile_now()
    assert taken() == [1]


def test_approving_twice_is_once() -> None:
    waiting()
    approve(WEB, by="ada", now=LATER)
    with nothing_changes():
        assert approve(WEB, by="eve", now=LATER).instances == []
        assert approve(WEB, ["0", "0"], by="eve", now=LATER).instances == []


def test_an_approval_ahead_is_for_one_version_only() -> None:
    """Before the upgrade begins; and what is approved for one version waits again for the next."""
    row = deferred_set()
    publish(NEW)
    approve(WEB, ["4"], by="ada", now=NOW)
    publish(NEWER)
    assert approve(WEB, ["5"], by="ada", now=NOW, version=NEWER).version == NEWER
    reconcile(row.pk, lambda: NOW)
    assert approved() == {4: NEW, 5: NEWER} and taken() == [5]


def test_an_approval_is_for_the_running_upgrades_version() -> None:
    waiting()
    approve(WEB, ["0"], by="ada", now=NOW)
    reconcile_now()
    publish(NEWER)
    with refused("OperationNotAllowed", f"waits for the approval of {NEW} by now, not of {NEWER}"):
        approve(WEB, by="ada", now=LATER, version=NEWER)
    assert approve(WEB, ["1"], by="ada", now=LATER, version=NEW).version == NEW


def test_unapproved_upgrades_give_way_to_a_newer_version() -> None:
    waiting()
    publish(NEWER)
    reconcile_now()
    upgrades = RollingUpgrade.objects.order_by("started_at").values_list("target_version", "status")
    assert list(upgrades) == [(NEW, "Cancelled"), (NEWER, "RollingForward")]
    assert taken() == []


# --- taking it back ---------------------------------------------------------------------------------------------------


def test_an_approval_can_be_withdrawn_before_its_batch() -> None:
    upgrade = waiting()
    approve(WEB, by="ada", now=NOW)
    a_batch(upgrade, {0: InstanceUpgradeState.QUEUED})
    with snapshot_equals_events():
        rows = withdraw_approval(WEB, ["0", "1"], by="eve", now=LATER)
    assert [row.number for row in rows] == [1]
    assert Transition.objects.latest("pk").note == "Its approval was withdrawn by eve."
    assert len(withdraw_approval(WEB, by="eve", now=LATER)) == 8
    assert approved() == {0: NEW}
    with nothing_changes():
        assert withdraw_approval(WEB, by="eve", now=LATER) == []


def test_instances_with_the_version_keep_their_approval() -> None:
    waiting(2)
    approve(WEB, by="ada", now=NOW)
    Instance.objects.filter(number=0).update(version=NEW)
    assert [row.number for row in withdraw_approval(WEB, by="eve", now=LATER)] == [1]


# --- what is refused --------------------------------------------------------------------------------------------------


def test_an_approval_without_a_deferral_is_refused() -> None:
    a_scale_set()
    publish(NEW)
    with refused("OperationNotAllowed", "its policy has no osRollingUpgradeDeferral"):
        approve(WEB, by="ada", now=NOW)


def test_an_upgrade_that_a_person_started_waits_for_no_approval() -> None:
    row = deferred_set()
    publish(NEW)
    start(WEB, "me", NOW)
    with refused("OperationNotAllowed", f"the upgrade to {NEW} that runs was not deferred when it started"):
        approve(WEB, by="ada", now=NOW)
    reconcile(row.pk, lambda: NOW)
    assert taken() == [0, 1]


def test_the_deferral_of_a_running_upgrade_is_that_of_its_start() -> None:
    waiting()
    change_policy(WEB, {"deferral": False}, NOW)
    reconcile_now()
    assert taken() == []
    approve(WEB, ["0"], by="ada", now=LATER)
    reconcile_now()
    assert taken() == [0]


@pytest.mark.parametrize(
    ("ids", "code", "words"),
    [(["9", "77"], "ResourceNotFound", "no instance 77"), ([], "ResourceNotFound", "no instance was named")],
)
def test_unknown_instances_are_refused(ids: list[str], code: str, words: str) -> None:
    waiting()
    with refused(code, words):
        approve(WEB, ids, by="ada", now=LATER)
    with refused(code, words):
        withdraw_approval(WEB, ids, by="ada", now=LATER)


def test_an_approval_is_refused_where_no_instance_waits() -> None:
    deferred_set()
    with refused("OperationNotAllowed", "no instance is older than 0.0.1"):
        approve(WEB, by="ada", now=NOW)
    with refused("ResourceNotFound", "there is no scale set 'fleet/nobody'"):
        approve("fleet/nobody", by="ada", now=NOW)
    change_policy(WEB, {"automatic_upgrade": False}, NOW)
    ScaleSet.objects.update(image_version="0.0.1")
    with refused("OperationNotAllowed", "it is pinned to 0.0.1"):
        approve(WEB, by="ada", now=NOW)
