"""How histories begin: each story makes sure that something interesting happens, and says how it must end. Hypothesis varies it.

A story begins with a fleet whose machines are well. After it anybody does anything for a while (machine.py), and all must come to rest.
"""

from datetime import timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize

from tests.orchestrator.model.drawn import documents, jumps
from tests.orchestrator.model.faults import Ambush
from tests.orchestrator.model.machine import Fleets
from tests.orchestrator.model.telling import (
    MOMENTS,
    fleets,
    found,
    limits,
    next_message,
    noticed,
    probed,
    small_fleets,
    statuses,
    story,
    to_the_end,
    usual_fleets,
)
from upgrades.commands.opt_outs import opt_out
from upgrades.core.states import InstanceUpgradeState, UpgradeStatus
from upgrades.models import InstanceUpgrade, OptOut, RollingUpgrade

# --- nothing goes wrong -----------------------------------------------------------------------------------------------


@story(fleet=fleets, second=st.none() | usual_fleets)
def versions_roll_through(m: Fleets, fleet: dict[str, Any], second: dict[str, Any] | None) -> None:
    found(m, fleet, *([second] if second else []))
    m.publish_one()
    to_the_end(m)
    assert statuses(m) == {UpgradeStatus.COMPLETED}


@story(
    fleet=fleets,
    capacity=st.sampled_from([2, 9, 0, 14]),
    later=st.sampled_from([6, 3]),
    when=st.sampled_from([9, 1, 20]),
)
def it_is_scaled_meanwhile(m: Fleets, fleet: dict[str, Any], capacity: int, later: int, when: int) -> None:
    found(m, fleet)
    m.publish_one()
    m.world.run(when)
    m.change_one(0, capacity)
    m.world.run(when)
    m.change_one(0, later)
    to_the_end(m)
    assert statuses(m) == {UpgradeStatus.COMPLETED}


# --- bad versions, sick machines --------------------------------------------------------------------------------------


@story(fleet=fleets, fault=st.sampled_from(["bad", "dead", "failing"]))
def a_bad_version_is_stopped(m: Fleets, fleet: dict[str, Any], fault: str) -> None:
    found(m, fleet)
    m.publish_one(fault=noticed(fault, fleet))
    to_the_end(m)
    if limits(fleet)[1] < 100:
        assert statuses(m) == {UpgradeStatus.FAULTED}
        assert m.world.ask(RollingUpgrade.objects.latest("started_at").batches.count) == 1
    m.publish_one()
    to_the_end(m)


@story(fleet=probed(small_fleets | usual_fleets))
def some_are_sick(m: Fleets, fleet: dict[str, Any]) -> None:
    """In one scale set as many as the limit allows, in another one more. What is sick stays so after a swap."""
    found(m, fleet, fleet)
    _fall_ill(m, fleet)
    m.publish_one()
    _judge_the_sick(m, fleet)


@story(once=True, fleet=probed(usual_fleets))
def some_fall_ill_meanwhile(m: Fleets, fleet: dict[str, Any]) -> None:
    """The same, but after the first batch began."""
    found(m, fleet, fleet)
    m.publish_one()
    m.world.run_until(lambda: InstanceUpgrade.objects.exists())
    _fall_ill(m, fleet)
    _judge_the_sick(m, fleet)


def _fall_ill(m: Fleets, fleet: dict[str, Any]) -> None:
    limit, _ = limits(fleet)
    for index in (0, 1):
        for name in m.names(index, list(range(30)))[::-1][: fleet["capacity"] * limit // 100 + index]:
            m.world.cloud.change(name, sick=True)
    m.world.run(6)


def _judge_the_sick(m: Fleets, fleet: dict[str, Any]) -> None:
    to_the_end(m)
    limit, limit_upgraded = limits(fleet)
    if limit <= limit_upgraded < 100 and fleet["threshold"] < 2:
        assert statuses(m) == {UpgradeStatus.COMPLETED, UpgradeStatus.FAULTED}


@story(fleet=fleets, count=st.integers(0, 3))
def the_prober_is_away(m: Fleets, fleet: dict[str, Any], count: int) -> None:
    """Nothing starts on what it said; its machines may fall ill meanwhile."""
    found(m, fleet)
    m.world.halt_probers() if count % 2 else m.world.kill_prober()
    m.world.run(20)
    for name in m.names(0, list(range(count))):
        m.world.cloud.change(name, sick=True)
    m.publish_one()
    m.world.run(40)
    assert not m.world.ask(InstanceUpgrade.objects.exists)
    m.world.start_prober()
    m.world.run(30)
    m.world.wake_probers()
    to_the_end(m)


# --- people -----------------------------------------------------------------------------------------------------------


@story(
    fleet=fleets,
    at=st.sampled_from(["queued", "upgrading", "before"]),
    moment=st.integers(1, 15),
    scope=st.sampled_from(OptOut.Scope),
    seconds=st.sampled_from([None, 20, 600]),
)
def some_are_opted_out(
    m: Fleets, fleet: dict[str, Any], at: str, moment: int, scope: OptOut.Scope, seconds: int | None
) -> None:
    """Before the upgrade (one for "this upgrade" is refused then); when they stand in a batch of which nothing is begun; in the middle of
    the worker's taking it up."""
    found(m, fleet)
    until = m.world.later(seconds) if seconds else None

    def people(numbers: list[str]) -> None:
        if numbers:
            m.people(partial(opt_out, "fleet/s0", numbers, reason="x", owner="ada", until=until, scope=scope))

    if at == "before":
        people(["0"])
    m.publish_one()
    message = next_message(m, "work")
    if message is not None and at != "before":
        batch = m.world.ask(lambda: [str(member.instance_number) for member in InstanceUpgrade.objects.all()])
        if at == "queued":
            people(batch[:2])
        m.world.deliver(message, Ambush(moment, lambda: people(batch[1:])))
    to_the_end(m)
    assert statuses(m) <= {UpgradeStatus.COMPLETED}


@story(fleet=small_fleets, by=st.sampled_from(["cancel", "turn off"]), when=st.integers(1, 30))
def it_is_to_stop(m: Fleets, fleet: dict[str, Any], by: str, when: int) -> None:
    found(m, fleet)
    m.publish_one()
    m.world.run_until(lambda: InstanceUpgrade.objects.exists())
    m.world.run(when % 12)
    running = m.world.ask(RollingUpgrade.objects.filter(ended_at=None).exists)
    m.cancel_one(0) if by == "cancel" else m.change_one(0, fleet["capacity"], automatic=False)
    to_the_end(m)
    assert not running or statuses(m) <= {UpgradeStatus.CANCELLED, UpgradeStatus.COMPLETED}


# --- processes --------------------------------------------------------------------------------------------------------


@story(
    fleet=small_fleets,
    deaths=st.lists(st.tuples(st.sampled_from(["work", "reconcile", "probe"]), MOMENTS), min_size=1, max_size=4),
    loses=st.booleans(),
)
def processes_die(m: Fleets, fleet: dict[str, Any], deaths: list[tuple[str, int]], loses: bool) -> None:
    """Each at any of its lines. What they had begun goes on, and is done once."""
    found(m, fleet)
    m.publish_one()
    for task, at in deaths:
        if task == "probe":
            m.world.run_until(lambda: InstanceUpgrade.objects.filter(state=InstanceUpgradeState.VERIFYING).exists(), 20)
            m.world.probe(Ambush(at))
            m.world.start_prober()
        elif message := next_message(m, task):
            m.world.deliver(message, Ambush(at))
            if loses:
                m.world.messages.clear()
    to_the_end(m)
    assert statuses(m) == {UpgradeStatus.COMPLETED}


@story(
    fleet=usual_fleets,
    times=st.lists(st.tuples(st.sampled_from(["reconcile", "work"]), st.integers(1, 6)), min_size=4, max_size=8),
    meanwhile=st.sampled_from(["the others go on", "nothing", "people act", "the cloud is away"]),
)
def one_is_held_up(m: Fleets, fleet: dict[str, Any], times: list[tuple[str, int]], meanwhile: str) -> None:
    """For longer than its lease, before any of its transactions; then it goes on in the middle of what the others have done."""
    found(m, fleet)
    m.publish_one()
    for task, at in times:
        if message := next_message(m, task):
            m.world.deliver(message, Ambush(at, partial(_hold_up, m, meanwhile), of_transactions=True))
    to_the_end(m)


def _hold_up(m: Fleets, meanwhile: str) -> None:
    if meanwhile == "nothing":
        m.world.clocks.wait(30)
    elif meanwhile == "people act":
        m.opt_out_some(0, [0, 1], 3600, OptOut.Scope.UPGRADE)
        m.cancel_one(0)
    else:
        m.world.cloud.faults.away = "refuses" if meanwhile == "the cloud is away" else ""
        m.world.run(8)
        m.world.cloud.faults.away = ""


@story(
    fleet=small_fleets,
    second=small_fleets,
    fault=st.sampled_from(["", "failing", "bad"]),
    jobs=st.integers(1, 6),
    seconds=st.integers(10, 40),
)
def the_prober_is_slow(
    m: Fleets, fleet: dict[str, Any], second: dict[str, Any], fault: str, jobs: int, seconds: int
) -> None:
    """Its reads and writes come late, and so do answers: what they say may be of machines that are no more, or that are back."""
    found(m, fleet, second)
    m.publish_one(fault=fault)
    for at in range(seconds):
        m.world.run_without_prober(1)
        m.world.probe(jobs=jobs, hold=at % 3 > 0)
    to_the_end(m)
    assert fault or statuses(m) <= {UpgradeStatus.COMPLETED}


@story(fleet=small_fleets, wall=jumps, database=jumps, during=st.booleans())
def clocks_jump(m: Fleets, fleet: dict[str, Any], wall: timedelta, database: timedelta, during: bool) -> None:
    """Between two upgrades, or in the middle of one. Nobody fails by that alone."""
    found(m, fleet)
    m.publish_one()
    if during:
        m.world.run_until(lambda: InstanceUpgrade.objects.filter(state=InstanceUpgradeState.VERIFYING).exists(), 60)
    else:
        to_the_end(m)
    m.world.clocks.jump(wall, database)
    m.publish_one()
    to_the_end(m)
    assert statuses(m) == {UpgradeStatus.COMPLETED}


# --- the cloud --------------------------------------------------------------------------------------------------------


@story(
    fleet=small_fleets,
    fault=st.sampled_from(["endless", "forget", "vanish", "refuses", "hangs", "deaf"]),
    seconds=st.sampled_from([45, 5, 90]),
)
def the_cloud_misbehaves(m: Fleets, fleet: dict[str, Any], fault: str, seconds: int) -> None:
    """In mid-batch; what an operation that was given up does in the end is noticed."""
    found(m, fleet)
    m.publish_one()
    m.world.run_until(lambda: InstanceUpgrade.objects.filter(state=InstanceUpgradeState.UPGRADING).exists(), 20)
    if fault in ("endless", "forget", "vanish"):
        m.trouble_one(m.names(0, [0])[0], fault)
    else:
        m.world.cloud.faults.away = fault
    m.world.run(seconds)
    m.world.cloud.faults.away = ""
    m.world.cloud.faults.endless.clear()
    to_the_end(m)


# --- everything in any order ------------------------------------------------------------------------------------------


class Anything(Fleets):
    """No story: fleets of any kind from the first moment on."""

    @initialize(first=documents, second=st.none() | documents, seconds=st.sampled_from([60, 0]))
    def begin(self, first: dict[str, Any], second: dict[str, Any] | None, seconds: int) -> None:
        self.put_one(0, **first)
        if second:
            self.put_one(1, **second)
        self.world.run(seconds)
