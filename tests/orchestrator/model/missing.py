"""Stories of machines that are not there: refused, or deleted behind our back."""

from typing import Any

from hypothesis import strategies as st

from tests.orchestrator.model.faults import Ambush
from tests.orchestrator.model.machine import Fleets
from tests.orchestrator.model.telling import (
    MOMENTS,
    fleets,
    found,
    next_message,
    small_fleets,
    statuses,
    story,
    to_the_end,
)
from upgrades.core.states import UpgradeStatus
from upgrades.models import Instance, ScaleSet

A_WHILE = 90  # seconds: longer than it takes to believe that all of a set are gone


def missing(m: Fleets) -> set[int]:
    rows = Instance.objects.exclude(missing_since=None)
    return set(m.world.ask(lambda: list(rows.values_list("number", flat=True))))


def reasons(m: Fleets) -> set[str]:
    (row,) = m.world.ask(lambda: list(ScaleSet.objects.all()))
    return {reason["code"] for reason in row.decision["reasons"]}


@story(fleet=small_fleets, more=st.integers(1, 4), goes_back=st.booleans())
def there_is_no_room(m: Fleets, fleet: dict[str, Any], more: int, goes_back: bool) -> None:
    """It is said, an upgrade goes through without them; then there is room again, or fewer are wanted."""
    found(m, fleet)
    capacity = fleet["capacity"]
    m.world.cloud.faults.is_full = True
    m.change_one(0, capacity + more)
    m.world.run(20)
    assert len(missing(m)) == more and "MachinesNotMade" in reasons(m)
    m.publish_one()
    m.world.run_until(lambda: statuses(m) == {UpgradeStatus.COMPLETED}, 600)
    assert statuses(m) == {UpgradeStatus.COMPLETED}
    if goes_back:
        m.change_one(0, capacity)
    else:
        m.world.cloud.faults.is_full = False
    to_the_end(m)
    assert missing(m) == set()


@story(fleet=fleets, picks=st.lists(st.integers(0, 9), min_size=1, max_size=9), when=st.integers(0, 40))
def some_vanish(m: Fleets, fleet: dict[str, Any], picks: list[int], when: int) -> None:
    """At any moment of an upgrade: it goes through, nobody is blamed, and all are there again."""
    found(m, fleet)
    m.publish_one()
    m.world.run(when)
    for name in m.names(0, picks):
        m.world.cloud.vanish(name)
    m.world.run(A_WHILE)
    to_the_end(m)
    assert missing(m) == set()
    blamed = Instance.objects.exclude(failed_version="", failures=0, quarantined_at=None)
    assert not m.world.ask(blamed.exists)


@story(fleet=small_fleets, task=st.sampled_from(["work", "reconcile"]), moment=MOMENTS, dies=st.booleans())
def one_vanishes_in_the_middle(m: Fleets, fleet: dict[str, Any], task: str, moment: int, dies: bool) -> None:
    """Of a reconcile, or of the worker's taking it up; or the process dies over the making of it."""
    found(m, fleet)
    m.publish_one()
    name = m.names(0, [0])[0]
    if dies:
        m.world.cloud.vanish(name)
        m.world.run_until(lambda: missing(m))
    if message := next_message(m, task):
        m.world.deliver(message, Ambush(moment) if dies else Ambush(moment, lambda: m.world.cloud.vanish(name)))
    m.world.run(A_WHILE)
    to_the_end(m)
    assert missing(m) == set()
