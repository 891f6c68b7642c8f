"""Fleets whose upgrades surge (maxSurge, Z-1.10), and what there is of them in mid-surge."""

from typing import Any

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.orchestrator.test_recovery import begin_only
from tests.providers.simulator import http_status
from upgrades.commands.opt_outs import opt_out
from upgrades.models import Batch, WorkItem
from upgrades.orchestrator.outcomes import mark_begun
from upgrades.orchestrator.reconcile import WorkClaim

NEW = BAD = "16.04.1"
Json = dict[str, Any]
POLICY = "properties.upgradePolicy"
OWN = f"{POLICY}.rollingUpgradePolicy"
IN_FORCE = {f"{POLICY}.automaticOSUpgradePolicy.useRollingUpgradePolicy": True}


def surging(fleet: MakeFleet, instances: int = 5, *, own: Json | None = None, tags: Json | None = None) -> Fleet:
    """A fleet at rest whose policy surges: two at a time of five."""
    one = fleet(instances, **(tags or {}))
    one.edit({**IN_FORCE, OWN: {"maxSurge": True, "maxBatchInstancePercent": 40, **(own or {})}})
    one.go_on()
    return one


def begun(fleet: MakeFleet, *, own: Json | None = None, tags: Json | None = None) -> tuple[Fleet, list[WorkClaim]]:
    """The same with its first batch recorded and handed out."""
    one = surging(fleet, own=own, tags=tags)
    one.publish(NEW)
    return one, one.look()


def opt_out_while_its_worker_is_held_up(one: Fleet) -> None:
    """Between its beginning of the first chunk and its word that it has begun the worker is replaced, and instance 0 is opted out."""
    held_up = one.work_items[0]
    held_up.attempts = 1
    begin_only(one, [WorkClaim(held_up.pk, held_up.number)])
    WorkItem.objects.filter(pk=held_up.pk).update(number=held_up.number + 1)
    opt_out(one.path, ["0"], reason="busy", owner="ada", now=one.now)
    mark_begun(held_up, one.now)


def answering(one: Fleet) -> int:
    """Machines that serve: they answer well on their sockets."""
    return sum(1 for view in one.views().values() if view.address and http_status(view.address) == 200)


def watched(one: Fleet, least: int, most: int) -> None:
    """Goes on to the end, and looks at the machines after everything that anybody does."""
    while one.upgrade.ended_at is None or one.work_items:
        one.work(one.look())
        assert least <= answering(one) and len(one.views()) <= most
        one.probe()
        assert least <= answering(one) and len(one.views()) <= most
        one.later(seconds=1)


def numbers(one: Fleet) -> list[int]:
    return [row.number for row in one.instances]


def states(one: Fleet) -> dict[int, str]:
    return dict(one.upgrade.members.values_list("instance_number", "state"))


def whys(one: Fleet) -> list[str]:
    return [row.why for row in Batch.objects.filter(upgrade=one.upgrade).order_by("number")]
