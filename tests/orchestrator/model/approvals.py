"""Stories of upgrades that wait for people's approval (A-24)."""

from typing import Any

from hypothesis import strategies as st

from tests.orchestrator.model.faults import Ambush
from tests.orchestrator.model.machine import Fleets
from tests.orchestrator.model.telling import (
    MOMENTS,
    found,
    next_message,
    rolling,
    small_fleets,
    statuses,
    story,
    to_the_end,
)
from upgrades.commands.approvals import withdraw_approval
from upgrades.core.states import UpgradeStatus
from upgrades.models import InstanceUpgrade, RollingUpgrade

A_WEEK = 7 * 24 * 3600
FORWARD = UpgradeStatus.ROLLING_FORWARD


def waiting(m: Fleets, fleet: dict[str, Any]) -> None:
    """An upgrade that nobody has approved anything of: it waits, and nothing is touched."""
    found(m, {**fleet, "defers": True})
    m.publish_one()
    to_the_end(m)
    assert statuses(m) == {FORWARD} and taken(m) == set()


def taken(m: Fleets) -> set[int]:
    return set(m.world.ask(lambda: list(InstanceUpgrade.objects.values_list("instance_number", flat=True))))


@story(
    fleet=small_fleets,
    picks=st.lists(st.integers(0, 9), min_size=1, max_size=2),
    then=st.sampled_from(["all", "newer", "cancel"]),
)
def some_are_approved(m: Fleets, fleet: dict[str, Any], picks: list[int], then: str) -> None:
    """These are upgraded and no others, however long it takes; what is left waits for another word."""
    waiting(m, fleet)
    m.world.clocks.wait(A_WEEK)
    m.world.run(8)
    row = m.world.a_set(0)
    assert row
    approved = {int(number) for number in m.world.numbers_of(row, picks)}
    m.approve_some(0, picks)
    to_the_end(m)
    assert statuses(m) == {FORWARD} and taken(m) == approved
    acts = {"all": m.approve_some, "newer": lambda _: m.publish_one(), "cancel": m.cancel_one}
    acts[then](0)
    to_the_end(m)
    ends = {"all": UpgradeStatus.COMPLETED, "newer": FORWARD, "cancel": UpgradeStatus.CANCELLED}
    assert statuses(m) == {ends[then]}
    if then == "newer":
        assert taken(m) == approved
        assert m.world.ask(RollingUpgrade.objects.get(ended_at=None).members.count) == 0


@story(fleet=small_fleets, when=st.integers(0, 12), at=MOMENTS, is_ambush=st.booleans())
def an_approval_is_withdrawn(m: Fleets, fleet: dict[str, Any], when: int, at: int, is_ambush: bool) -> None:
    """What a batch has taken by then goes on, nothing else begins; also where it is said in the middle of a reconcile."""
    waiting(m, {**fleet, "rolling": rolling(34, 50, 50)})
    m.approve_some(0)
    m.world.run(when)
    message = next_message(m, "reconcile") if is_ambush else None
    if message:
        m.world.deliver(message, Ambush(at, lambda: m.approve_some(0, None, withdraw_approval)))
    m.approve_some(0, None, withdraw_approval)
    before = taken(m)
    to_the_end(m)
    assert taken(m) == before
    m.approve_some(0)
    to_the_end(m)
    assert statuses(m) == {UpgradeStatus.COMPLETED}
