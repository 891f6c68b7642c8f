"""Fleets whose upgrades surge (maxSurge, Z-1.10), and what there is of them in mid-surge."""

from typing import Any

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.orchestrator.test_recovery import begin_only
from tests.providers.simulator import http_status
from upgrades.commands.opt_outs import opt_out
from upgrades.models import Batch, WorkItem
from upgrades.orchestrator.beginnings import mark_begun
from upgrades.orchestrator.reconcile import WorkClaim

NEW = BAD = "16.04.1"
Json = dict[str, Any]
POLICY = "properties.upgradePolicy"
OWN = f"{POLICY}.rollingUpgradePolicy"
IN_FORCE = {f"{POLICY}.automaticOSUpgradePolicy.useRollingUpgradePolicy": True}


def surging(make_fleet: MakeFleet, instances: int = 5, *, own: Json | None = None, tags: Json | None = None) -> Fleet:
    """A fleet at rest whose policy surges: two at a time of five."""
    fleet = make_fleet(instances, **(tags or {}))
    fleet.edit({**IN_FORCE, OWN: {"maxSurge": True, "maxBatchInstancePercent": 40, **(own or {})}})
    fleet.go_on()
    return fleet


def begun(make_fleet: MakeFleet, *, own: Json | None = None, tags: Json | None = None) -> tuple[Fleet, list[WorkClaim]]:
    """The same with its first batch recorded and handed out."""
    fleet = surging(make_fleet, own=own, tags=tags)
    fleet.publish(NEW)
    return fleet, fleet.reconcile()


def opt_out_while_its_worker_is_held_up(fleet: Fleet) -> None:
    """Between beginning the first work item and saying so the worker is replaced, and instance 0 is opted out."""
    held_up = fleet.work_items[0]
    held_up.attempts = 1
    begin_only(fleet, [WorkClaim(held_up.pk, held_up.claim_number)])
    WorkItem.objects.filter(pk=held_up.pk).update(claim_number=held_up.claim_number + 1)
    opt_out(fleet.path, ["0"], reason="busy", owner="ada", now=fleet.now)
    mark_begun(held_up, fleet.now)


def answering(fleet: Fleet) -> int:
    """Machines that serve: they answer well on their sockets."""
    return sum(1 for view in fleet.views().values() if view.address and http_status(view.address) == 200)


def watched(fleet: Fleet, least: int, most: int) -> None:
    """Goes on to the end, and looks at the machines after everything that anybody does."""
    while fleet.upgrade.ended_at is None or fleet.work_items:
        fleet.work(fleet.reconcile())
        assert least <= answering(fleet) and len(fleet.views()) <= most
        fleet.probe()
        assert least <= answering(fleet) and len(fleet.views()) <= most
        fleet.later(seconds=1)


def numbers(fleet: Fleet) -> list[int]:
    return [row.number for row in fleet.instances]


def states(fleet: Fleet) -> dict[int, str]:
    return dict(fleet.upgrade.members.values_list("instance_number", "state"))


def whys(fleet: Fleet) -> list[str]:
    return [row.why for row in Batch.objects.filter(upgrade=fleet.upgrade).order_by("number")]
