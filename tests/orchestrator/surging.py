"""Fleets whose upgrades surge (maxSurge, facts 1.10), and what there is of them in mid-surge."""

from typing import Any

from tests.orchestrator.conftest import MakeFleet
from tests.orchestrator.fleet import Fleet
from tests.providers.simulator import http_status
from upgrades.models import Batch
from upgrades.orchestrator.advance import HandOut

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


def begun(fleet: MakeFleet, *, own: Json | None = None, tags: Json | None = None) -> tuple[Fleet, list[HandOut]]:
    """The same with its first batch recorded and handed out."""
    one = surging(fleet, own=own, tags=tags)
    one.publish(NEW)
    return one, one.look()


def answering(one: Fleet) -> int:
    """Machines that serve: they answer well on their sockets."""
    return sum(1 for view in one.views().values() if view.address and http_status(view.address) == 200)


def watched(one: Fleet, least: int, most: int) -> None:
    """Goes on to the end, and looks at the machines after everything that anybody does."""
    while one.upgrade.ended_at is None or one.chunks:
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
