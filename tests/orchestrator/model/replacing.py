"""Stories of batches that surge: new instances come, old ones go, and no capacity is lost whoever dies or changes his mind."""

from functools import partial
from typing import Any

from django.db.models import QuerySet
from hypothesis import strategies as st

from tests.orchestrator.model.faults import Ambush
from tests.orchestrator.model.machine import Fleets
from tests.orchestrator.model.telling import (
    MOMENTS,
    found,
    limits,
    next_message,
    noticed,
    rolling,
    statuses,
    story,
    to_the_end,
)
from upgrades.commands.opt_outs import opt_in, opt_out
from upgrades.core.states import InstanceUpgradeState, UpgradeStatus
from upgrades.models import Instance, InstanceUpgrade

surging_fleets = st.fixed_dictionaries(
    {
        "capacity": st.sampled_from([5, 4, 7]),
        "rolling": st.sampled_from(
            [
                rolling(40, 50, 50, maxSurge=True),
                rolling(100, 20, 20, maxSurge=True),
                rolling(40, 60, 60, "PT7S", maxSurge=True, rollbackFailedInstancesOnPolicyBreach=True),
            ]
        ),
        "threshold": st.sampled_from([1, 0]),
        "zones": st.sampled_from([0, 2]),
    }
)


def surging(m: Fleets, fleet: dict[str, Any]) -> None:
    """From now on so many machines must serve at every moment."""
    found(m, fleet)
    m.world.watch.surges.least["fleet/s0"] = fleet["capacity"]


def at_rest(m: Fleets) -> None:
    """The story is over: anybody may do anything to machines."""
    to_the_end(m)
    m.world.watch.surges.least.clear()


def numbers(m: Fleets) -> list[int]:
    return m.world.ask(lambda: list(Instance.objects.order_by("number").values_list("number", flat=True)))


@story(fleet=surging_fleets, room=st.sampled_from([None, 9, 2, 1, 0]))
def new_ones_take_their_places(m: Fleets, fleet: dict[str, Any], room: int | None) -> None:
    """All of them, where there is room; a batch for which there is none is done in place."""
    found(m, fleet) if room is not None and room < 9 else surging(m, fleet)
    m.world.cloud.faults.room = room
    m.publish_one()
    at_rest(m)
    assert statuses(m) == {UpgradeStatus.COMPLETED}
    assert len(numbers(m)) == fleet["capacity"]
    assert room is not None or min(numbers(m)) >= fleet["capacity"]
    assert room != 0 or numbers(m) == list(range(fleet["capacity"]))


@story(
    fleet=surging_fleets,
    deaths=st.lists(st.tuples(st.sampled_from(["work", "reconcile", "work"]), MOMENTS), min_size=2, max_size=5),
    loses=st.booleans(),
)
def processes_die_over_new_ones(m: Fleets, fleet: dict[str, Any], deaths: list[tuple[str, int]], loses: bool) -> None:
    """Each at any of its lines: while new ones are made, or old ones removed."""
    surging(m, fleet)
    m.publish_one()
    for task, at in deaths:
        if message := next_message(m, task):
            m.world.deliver(message, Ambush(at))
            if loses:
                m.world.messages.clear()
    at_rest(m)
    assert statuses(m) == {UpgradeStatus.COMPLETED}
    assert len(numbers(m)) == fleet["capacity"]


@story(once=True, fleet=surging_fleets, fault=st.sampled_from(["bad", "dead", "full"]))
def new_ones_fail(m: Fleets, fleet: dict[str, Any], fault: str) -> None:
    """They go; nothing was done to the old ones, and there is no capacity lost."""
    surging(m, fleet)
    m.world.cloud.faults.is_full = fault == "full"
    m.publish_one(fault="" if fault == "full" else noticed(fault, fleet))
    at_rest(m)
    m.world.cloud.faults.is_full = False
    if limits(fleet)[1] < 100:
        assert statuses(m) == {UpgradeStatus.FAULTED}
    assert numbers(m) == list(range(fleet["capacity"]))


STAGES = (
    InstanceUpgradeState.QUEUED,
    InstanceUpgradeState.UPGRADING,
    InstanceUpgradeState.VERIFYING,
    InstanceUpgradeState.SUCCEEDED,
)


@story(
    fleet=surging_fleets,
    whom=st.lists(st.sampled_from(["old", "new", "both"]), min_size=4, max_size=4),
    moments=st.lists(st.integers(1, 25), min_size=4, max_size=4),
)
def minds_are_changed(m: Fleets, fleet: dict[str, Any], whom: list[str], moments: list[int]) -> None:
    """Old ones or new ones are opted out at each stage, in the middle of whatever is done then; later they are opted in."""
    surging(m, fleet)
    for stage, who, moment in zip(STAGES, whom, moments, strict=True):
        m.publish_one()
        m.world.run_until(lambda stage=stage: _at(stage).exists(), 60)  # type: ignore[misc]
        held: list[int] = []
        act = partial(_opt_out, m, stage, who, held)
        message = next_message(m, "reconcile" if stage is InstanceUpgradeState.VERIFYING else "work")
        m.world.deliver(message, Ambush(moment, act)) if message else act()
        to_the_end(m)
        begins_later = (
            stage is not InstanceUpgradeState.SUCCEEDED
        )  # the deletion, in whatever the opt-out came in between
        assert not begins_later or set(held) <= set(numbers(m)), f"{held} were opted out, there are {numbers(m)}"
        m.people(partial(opt_in, "fleet/s0", [str(number) for number in numbers(m)], owner="ada"))
        to_the_end(m)
        assert statuses(m) <= {UpgradeStatus.COMPLETED}
    at_rest(m)


def _at(stage: InstanceUpgradeState) -> QuerySet[InstanceUpgrade]:
    return InstanceUpgrade.objects.filter(state=stage, upgrade__ended_at=None)


def _opt_out(m: Fleets, stage: InstanceUpgradeState, who: str, held: list[int]) -> None:
    """One of the pairs at that stage, as far as it is still there; `held`: whom that must keep, whatever becomes of the other."""
    pair = m.world.ask(lambda: _at(stage).order_by("instance_number").first())
    if pair is None:
        return
    wanted: dict[str, set[int | None]] = {"old": {pair.instance_number}, "new": {pair.replacement_number}}
    picks = wanted.get(who, {pair.instance_number, pair.replacement_number})
    there_are = [number for number in numbers(m) if number in picks]
    if there_are:
        m.people(partial(opt_out, "fleet/s0", [str(number) for number in there_are], reason="x", owner="ada"))
        held += there_are


@story(
    once=True,
    fleet=surging_fleets,
    capacity=st.sampled_from([2, 9, 0, 4]),
    when=st.sampled_from([2, 9, 11, 13, 20]),
    then=st.sampled_from(["", "cancel", "bad"]),
)
def it_is_scaled_while_new_ones_come(m: Fleets, fleet: dict[str, Any], capacity: int, when: int, then: str) -> None:
    found(m, fleet)
    m.publish_one()
    m.world.run(when)
    m.change_one(0, capacity)
    if then == "cancel":
        m.cancel_one(0)
    elif then == "bad":
        m.publish_one(fault=noticed("bad", fleet))
    to_the_end(m)
    assert len(numbers(m)) == capacity
