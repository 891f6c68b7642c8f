"""Stories of versions that fail: old OS disks are put back, all is tried again by itself, and nobody is quarantined for it."""

from functools import partial
from typing import Any

from hypothesis import strategies as st

from tests.orchestrator.cloud import Name
from tests.orchestrator.model.faults import Ambush
from tests.orchestrator.model.machine import Fleets
from tests.orchestrator.model.telling import (
    found,
    limits,
    next_message,
    noticed,
    probed,
    rolling,
    small_fleets,
    statuses,
    story,
    to_the_end,
)
from upgrades.commands.opt_outs import opt_in
from upgrades.core.states import Health, InstanceUpgradeState, UpgradeStatus
from upgrades.models import Instance, InstanceUpgrade, OptOut, RollingUpgrade

BREACH = "rollbackFailedInstancesOnPolicyBreach"
FAULTS = st.sampled_from(["bad", "failing", "dead"])
RETRY_SECONDS = 120

# In small ones a batch is nearly all there is; in the others several batches fail before a limit is passed, or none ever is.
failing_fleets = st.fixed_dictionaries(
    {
        "capacity": st.sampled_from([4, 5]),
        "rolling": st.sampled_from(
            [
                rolling(40, 100, 0, rollbackFailedInstancesOnPolicyBreach=False),
                rolling(40, 50, 50, rollbackFailedInstancesOnPolicyBreach=True),
                rolling(20, 100, 100, rollbackFailedInstancesOnPolicyBreach=True),
            ]
        ),
        "threshold": st.sampled_from([1, 0]),
        "rolls_back": st.sampled_from([True, False]),
    }
)


@story(fleet=failing_fleets, fault=FAULTS, by_hand=st.booleans())
def failed_ones_go_back(m: Fleets, fleet: dict[str, Any], fault: str, by_hand: bool) -> None:
    """To the disk of before, where the policy says so."""
    found(m, fleet)
    _fail(m, fleet, fault, by_hand=by_hand)
    _judge(m, fleet, by_hand=by_hand, is_lost=False)


@story(fleet=failing_fleets, fault=FAULTS, by_hand=st.booleans())
def old_disks_do_not_boot(m: Fleets, fleet: dict[str, Any], fault: str, by_hand: bool) -> None:
    """Then they stay as they are, failed, and nobody tries again."""
    found(m, fleet)
    m.publish_one(fault="unrestorable")
    to_the_end(m)
    _fail(m, fleet, fault, by_hand=by_hand)
    _judge(m, fleet, by_hand=by_hand, is_lost=True)


def _fail(m: Fleets, fleet: dict[str, Any], fault: str, *, by_hand: bool) -> None:
    if by_hand:
        m.change_one(0, fleet["capacity"], automatic=False)
    m.publish_one(fault=noticed(fault, fleet))
    if by_hand:
        m.start_one(0)
    to_the_end(m)


def _judge(m: Fleets, fleet: dict[str, Any], *, by_hand: bool, is_lost: bool) -> None:
    is_stopped = limits(fleet)[1] < 100
    assert statuses(m) == {UpgradeStatus.FAULTED if is_stopped else UpgradeStatus.COMPLETED}
    goes_back = (fleet["rolls_back"] and not by_hand) or (is_stopped and fleet["rolling"][BREACH])
    state = InstanceUpgradeState.ROLLED_BACK if goes_back and not is_lost else InstanceUpgradeState.FAILED
    last = m.world.ask(lambda: RollingUpgrade.objects.latest("started_at").members.all())
    assert m.world.ask(lambda: {row.state for row in last}) == {state}
    assert m.world.ask(lambda: {bool(row.rollback_error) for row in last}) == {bool(goes_back and is_lost)}


@story(is_by_hand=st.booleans(), state=st.sampled_from([InstanceUpgradeState.ROLLED_BACK, InstanceUpgradeState.FAILED]))
def several_batches_fail(m: Fleets, is_by_hand: bool, state: InstanceUpgradeState) -> None:
    """One is well, and then one batch after the other fails, until a limit is passed: all of them go back, where the policy says so."""
    goes_back = state == InstanceUpgradeState.ROLLED_BACK
    policy = rolling(17, 100, 60, rollbackFailedInstancesOnPolicyBreach=goes_back)
    fleet = {"capacity": 6, "rolling": policy, "threshold": 1, "rolls_back": False}
    found(m, fleet)
    for name in m.names(0, [1, 2]):
        m.world.cloud.change(name, sick=True)
    _fail(m, fleet, "", by_hand=is_by_hand)
    last = m.world.ask(lambda: RollingUpgrade.objects.latest("started_at").members.order_by("instance_number"))
    assert m.world.ask(lambda: [row.state for row in last]) == [InstanceUpgradeState.SUCCEEDED, state, state]


@story(once=True, fleet=probed(small_fleets))
def a_verdict_of_before_comes_late(m: Fleets, fleet: dict[str, Any]) -> None:
    """A machine was well for a moment, and is not when it is on its old disk again; only then that it was well is to be written."""
    found(m, {**fleet, "rolling": rolling(80, 100, 100)})
    (name,) = m.names(0, [0])
    m.world.cloud.change(name, sick=True)
    m.world.run_until(Instance.objects.filter(number=0, health=Health.UNHEALTHY).exists)
    m.world.run(2)
    _be_found_well_for_a_moment(m, name)
    m.publish_one(fault="failing")
    for _ in range(40):
        m.world.run_without_prober(1)
    assert m.world.ask(InstanceUpgrade.objects.filter(instance_number=0, state=InstanceUpgradeState.ROLLED_BACK).exists)
    m.world.probe()
    to_the_end(m)


def _be_found_well_for_a_moment(m: Fleets, name: Name) -> None:
    """The prober knows it then, and its database is slow."""
    disk, began, well = m.world.cloud.machines[name].os_disk, m.world.clocks.elapsed, m.world.witness.probed_well
    m.world.cloud.change(name, sick=False)
    while well[disk] < began:
        m.world.clocks.wait(1)
        m.world.probe(jobs=0)
    m.world.cloud.change(name, sick=True)


@story(
    fleet=small_fleets,
    fault=st.sampled_from(["failing", "bad"]),
    times=st.lists(st.tuples(st.sampled_from(["reconcile", "work"]), st.integers(1, 20)), min_size=4, max_size=8),
    is_held_up=st.booleans(),
)
def processes_die_over_rollbacks(
    m: Fleets, fleet: dict[str, Any], fault: str, times: list[tuple[str, int]], is_held_up: bool
) -> None:
    """At any statement, or they are held up before any transaction: the disk is put back once all the same."""
    found(m, fleet)
    m.publish_one(fault=noticed(fault, fleet))
    state = InstanceUpgradeState.UPGRADING if fault == "failing" else InstanceUpgradeState.VERIFYING
    m.world.run_until(lambda: InstanceUpgrade.objects.filter(state=state).exists(), 30)
    m.world.run(3 if fault == "failing" else 55)
    for task, at in times:
        if message := next_message(m, task):
            act = partial(m.world.run, 8) if is_held_up else None
            m.world.deliver(message, Ambush(at, act, of_transactions=is_held_up))
    to_the_end(m)
    first = m.world.ask(lambda: RollingUpgrade.objects.earliest("started_at").members.all())
    assert m.world.ask(lambda: {row.state for row in first}) == {InstanceUpgradeState.ROLLED_BACK}


@story(once=True, fleet=small_fleets, end=st.sampled_from(["release", "new version", "retry now", "by hand", "wait"]))
def it_comes_again_and_quarantines_no_instance(m: Fleets, fleet: dict[str, Any], end: str) -> None:
    """A version fails wherever it is tried, and is tried again by itself, each time later: it is to be blamed, and no instance."""
    found(m, fleet)
    m.publish_one(fault="failing")
    to_the_end(m)
    for wait in (RETRY_SECONDS, 2 * RETRY_SECONDS):
        assert m.world.ask(RollingUpgrade.objects.latest("started_at").members.exists)
        if end == "retry now":
            m.steer_one(0, "retry_now")
        else:
            m.world.sleep(wait - 40)
            m.world.run(4)
            m.world.sleep(40)
        m.world.run(4)
        to_the_end(m)
    assert m.world.ask(RollingUpgrade.objects.count) == 3
    assert not m.world.ask(Instance.objects.exclude(quarantined_at=None).exists)
    _end(m, end)
    to_the_end(m)


def _end(m: Fleets, end: str) -> None:
    if end == "release":
        m.release_some(0, [0, 1])
        m.world.sleep(5 * RETRY_SECONDS)
    elif end == "new version":
        m.publish_one()
    elif end == "by hand":
        m.start_one(0, only_failed=True)
    else:
        m.world.sleep(5 * RETRY_SECONDS)


@story(fleet=probed(small_fleets), is_well_again=st.booleans())
def only_failed_instances_are_wanted(m: Fleets, fleet: dict[str, Any], is_well_again: bool) -> None:
    """By hand, wherever they stand; not another one that is on an old version too."""
    found(m, {**fleet, "rolling": rolling(80, 100, 100)})
    m.change_one(0, fleet["capacity"], automatic=False)
    (name,) = m.names(0, [0])
    m.world.cloud.change(name, sick=True)
    m.opt_out_some(0, [1], None, OptOut.Scope.UNTIL)
    m.publish_one()
    m.start_one(0)
    to_the_end(m)
    m.people(partial(opt_in, "fleet/s0", ["1"], owner="ada"))
    m.world.cloud.change(name, sick=not is_well_again)
    m.world.run(8)
    m.start_one(0, only_failed=True)
    to_the_end(m)
    last = m.world.ask(lambda: RollingUpgrade.objects.latest("started_at").members.all())
    assert m.world.ask(lambda: [row.instance_number for row in last]) == [0]
