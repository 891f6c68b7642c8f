"""Histories that begin with an upgrade of the extensions."""

from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import strategies as st

from tests.orchestrator.model.faults import Ambush
from tests.orchestrator.model.machine import Fleets
from tests.orchestrator.model.telling import (
    MOMENTS,
    fleets,
    found,
    limits,
    next_message,
    small_fleets,
    statuses,
    story,
    to_the_end,
)
from upgrades.commands.opt_outs import opt_out
from upgrades.core.states import UpgradeKind, UpgradeStatus
from upgrades.models import Instance, InstanceUpgrade, RollingUpgrade

NEW = "script 2.0"


def extended(m: Fleets) -> set[str]:
    return m.world.ask(lambda: set(Instance.objects.values_list("extensions_key", flat=True)))


def kinds(m: Fleets) -> list[str]:
    return m.world.ask(lambda: list(RollingUpgrade.objects.order_by("started_at").values_list("kind", flat=True)))


@story(fleet=fleets, when=st.integers(0, 25))
def extensions_roll_through(m: Fleets, fleet: dict[str, Any], when: int) -> None:
    """On the OS disks that are there; a version that is published meanwhile comes by itself when all is done."""
    found(m, fleet)
    disks = m.world.ask(lambda: dict(Instance.objects.values_list("pk", "os_disk")))
    m.change_script(0, "2.0")
    m.extend_one(0)
    to_the_end(m)
    assert statuses(m) == {UpgradeStatus.COMPLETED}
    assert m.world.ask(lambda: dict(Instance.objects.values_list("pk", "os_disk"))) == disks
    m.change_script(0, "3.0")
    m.extend_one(0)
    m.world.run(when)
    m.publish_one()
    to_the_end(m)
    assert statuses(m) == {UpgradeStatus.COMPLETED}
    assert kinds(m) == [UpgradeKind.EXTENSIONS, UpgradeKind.EXTENSIONS, UpgradeKind.IMAGE]
    assert all("script 3.0" in key for key in extended(m))


@story(fleet=fleets)
def a_bad_extension_is_stopped(m: Fleets, fleet: dict[str, Any]) -> None:
    """By the limit of those upgraded; nothing goes back, nothing is remembered of the image. Mended, it goes through."""
    found(m, fleet)
    m.change_script(0, "2.0", breaks=True)
    m.extend_one(0)
    to_the_end(m)
    if limits(fleet)[1] < 100:
        assert statuses(m) == {UpgradeStatus.FAULTED}
        assert m.world.ask(RollingUpgrade.objects.latest("started_at").batches.count) == 1
    assert not m.world.ask(Instance.objects.exclude(failed_version="", failures=0, quarantined_at=None).exists)
    assert not m.world.cloud.restores
    m.change_script(0, "2.1")
    m.world.sleep(120)
    m.extend_one(0)
    to_the_end(m)


def _fall_ill(m: Fleets) -> None:
    for name in m.names(0, [0, 1]):
        m.world.cloud.change(name, sick=True)


@story(
    fleet=small_fleets,
    task=st.sampled_from(["work", "reconcile"]),
    moment=MOMENTS,
    what=st.sampled_from(["dies", "opt out", "cancel", "fall ill"]),
)
def extensions_are_disturbed(m: Fleets, fleet: dict[str, Any], task: str, moment: int, what: str) -> None:
    """In the middle of a reconcile, or of the worker's taking it up: a death, an opt-out, a cancel, machines that fall ill."""
    found(m, fleet)
    m.change_script(0, "2.0")
    m.extend_one(0)
    acts: dict[str, Callable[[], None]] = {
        "opt out": lambda: m.people(partial(opt_out, "fleet/s0", ["0", "1"], reason="x", owner="ada")),
        "cancel": lambda: m.cancel_one(0),
        "fall ill": partial(_fall_ill, m),
    }
    if message := next_message(m, task):
        m.world.deliver(message, Ambush(moment, acts[what]) if what in acts else Ambush(moment))
    to_the_end(m)
    if what in ("dies", "opt out"):
        assert statuses(m) <= {UpgradeStatus.COMPLETED}
    if what == "dies":
        assert all(NEW in key for key in extended(m)) and m.world.ask(InstanceUpgrade.objects.exists)
