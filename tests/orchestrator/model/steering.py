"""Stories of who is next, and of people who hold upgrades: zones, switched-off machines, pauses, stops of the fleet."""

from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from tests.orchestrator.model.machine import Fleets
from tests.orchestrator.model.telling import fleets, found, probed, rolling, small_fleets, statuses, story, to_the_end
from upgrades.core.states import Power, StartedBy, UpgradeStatus
from upgrades.models import Batch, FleetStop, Instance, InstanceUpgrade, RollingUpgrade

UPGRADE_TIMEOUT_SECONDS = 3 * 3600


@story(
    capacity=st.sampled_from([8, 7, 5]),
    zones=st.sampled_from([3, 2]),
    is_cross=st.sampled_from([False, False, True]),
    sick=st.lists(st.integers(0, 6), min_size=1, max_size=2),
)
def zones_take_turns(m: Fleets, capacity: int, zones: int, is_cross: bool, sick: list[int]) -> None:
    """Each batch is of one zone, unless the policy says otherwise."""
    _choose(m, capacity, zones, sick, enableCrossZoneUpgrade=is_cross)


@story(
    once=True,
    capacity=st.sampled_from([7, 5]),
    zones=st.sampled_from([0, 2]),
    sick=st.lists(st.integers(3, 4), min_size=1, max_size=2),
)
def the_unhealthy_come_first(m: Fleets, capacity: int, zones: int, sick: list[int]) -> None:
    _choose(m, capacity, zones, sick, prioritizeUnhealthyInstances=True)


def _choose(m: Fleets, capacity: int, zones: int, sick: list[int], **switches: Any) -> None:
    policy = rolling(40, 60, 100, **switches)
    found(m, {"capacity": capacity, "rolling": policy, "threshold": 1, "zones": zones})
    for name in m.names(0, sick):
        m.world.cloud.change(name, sick=True)
    m.world.run(8)
    m.publish_one()
    to_the_end(m)
    assert statuses(m) == {UpgradeStatus.COMPLETED}


@story(fleet=fleets, count=st.integers(1, 2), is_meanwhile=st.booleans())
def some_are_switched_off(m: Fleets, fleet: dict[str, Any], count: int, is_meanwhile: bool) -> None:
    """They count for nothing and are left alone until they run again; then they are upgraded too."""
    found(m, fleet)
    if is_meanwhile:
        m.publish_one()
        m.world.run_until(InstanceUpgrade.objects.exists)
    off = m.names(0, list(range(30)))[-count:]
    for name in off:
        m.world.cloud.change(name, power=Power.STOPPED)
    m.world.run(12)
    if not is_meanwhile:
        m.publish_one()
    to_the_end(m)
    if not is_meanwhile:
        assert statuses(m) == {UpgradeStatus.COMPLETED}
        assert m.world.ask(Instance.objects.filter(version="1.1").count) == fleet["capacity"] - count
    for name in off:
        m.world.cloud.change(name, power=Power.RUNNING)
    m.world.run(12)
    to_the_end(m)
    if not is_meanwhile:
        assert m.world.ask(Instance.objects.filter(version="1.1").count) == fleet["capacity"]


@story(
    fleet=small_fleets,
    when=st.integers(0, 12),
    then=st.sampled_from(["resume", "cancel", "pause"]),
)
def a_person_pauses_it(m: Fleets, fleet: dict[str, Any], when: int, then: str) -> None:
    """The batch in flight is finished, and no other begins until somebody says so."""
    found(m, {**fleet, "rolling": rolling(34, 50, 50)})
    m.publish_one()
    m.world.run_until(InstanceUpgrade.objects.exists)
    m.world.run(when)
    m.steer_one(0, "pause")
    before = m.world.ask(Batch.objects.count)
    running = m.world.ask(RollingUpgrade.objects.filter(ended_at=None).exists)
    to_the_end(m)
    assert m.world.ask(Batch.objects.count) == before
    m.cancel_one(0) if then == "cancel" else m.steer_one(0, then)
    m.world.run(8)
    to_the_end(m)
    ends = {"cancel": UpgradeStatus.CANCELLED, "pause": UpgradeStatus.ROLLING_FORWARD}
    assert not running or statuses(m) <= {ends.get(then, ""), UpgradeStatus.COMPLETED}


@story(fleet=small_fleets, is_paused=st.booleans())
def its_time_is_over(m: Fleets, fleet: dict[str, Any], is_paused: bool) -> None:
    """While a person pauses it, or the fleet is stopped, its time stands still."""
    found(m, {**fleet, "rolling": rolling(34, 50, 50)})
    m.publish_one()
    m.world.run_until(InstanceUpgrade.objects.exists)
    m.steer_one(0, "pause") if is_paused else m.stop_all()
    to_the_end(m)
    m.world.clocks.wait(UPGRADE_TIMEOUT_SECONDS)
    m.world.run(8)
    assert statuses(m) == {UpgradeStatus.ROLLING_FORWARD}
    m.steer_one(0, "resume") if is_paused else m.end_stop()
    to_the_end(m)
    assert statuses(m) == {UpgradeStatus.COMPLETED}


@story(
    fleet=probed(small_fleets),
    hold=st.sampled_from(["pause", "policy", "approval", "fleet stop"]),
    who=st.lists(st.integers(0, 4), min_size=1, max_size=5, unique=True),
    how=st.sampled_from(["sick", "off"]),
    seconds=st.sampled_from([20, 40, 90]),
)
def some_fall_ill_while_it_is_held(
    m: Fleets, fleet: dict[str, Any], hold: str, who: list[int], how: str, seconds: int
) -> None:
    """And are well again before anybody lets it go: that ends nothing, and begins nothing."""
    pause = "PT20M" if hold == "policy" else "PT0S"
    found(m, {**fleet, "rolling": rolling(34, 50, 50, pause), "defers": hold == "approval"})
    m.publish_one()
    m.world.run_until(RollingUpgrade.objects.exists)
    if hold == "approval":
        m.approve_some(0, [0])
    m.world.run_until(InstanceUpgrade.objects.exists)
    if hold == "pause":
        m.steer_one(0, "pause")
    elif hold == "fleet stop":
        m.stop_all()
    to_the_end(m)
    before = m.world.ask(_standing)
    names = m.names(0, who)
    for name in names:
        m.world.cloud.change(name, **({"sick": True} if how == "sick" else {"power": Power.STOPPED}))
    m.world.run(seconds)
    for name in names:
        m.world.cloud.change(name, **({"sick": False} if how == "sick" else {"power": Power.RUNNING}))
    m.world.run(20)
    assert m.world.ask(_standing) == before, "a dip within a hold ended something, or began something"


def _standing() -> tuple[list[tuple[UUID, str]], int]:
    """How all upgrades stand, and how many batches there were."""
    return list(RollingUpgrade.objects.order_by("started_at").values_list("pk", "status")), Batch.objects.count()


@story(once=True, fleet=probed(small_fleets), when=st.integers(0, 25), is_hurried=st.booleans())
def the_next_batch_is_wanted_now(m: Fleets, fleet: dict[str, Any], when: int, is_hurried: bool) -> None:
    """Between two batches is a pause, unless a person does not want to wait."""
    found(m, {**fleet, "rolling": rolling(34, 50, 50, "PT2M")})
    m.publish_one()
    m.world.run_until(InstanceUpgrade.objects.exists)
    m.world.run(when)
    if is_hurried:
        m.steer_one(0, "next_batch_now")
    m.world.run(20)
    to_the_end(m)
    m.world.sleep(120)
    m.world.run(8)
    to_the_end(m)


@story(fleet=small_fleets, when=st.integers(0, 20), seconds=st.sampled_from([40, None, 600]), is_before=st.booleans())
def the_fleet_is_stopped(m: Fleets, fleet: dict[str, Any], when: int, seconds: int | None, is_before: bool) -> None:
    """No upgrade of the platform's begins or goes on; one that a person started does."""
    found(m, fleet, fleet)
    m.change_one(1, fleet["capacity"], automatic=False)
    if is_before:
        m.stop_all(seconds)
    m.publish_one()
    m.start_one(1)
    m.world.run(when)
    if not is_before:
        m.stop_all(seconds)
    to_the_end(m)
    by_hand = m.world.ask(lambda: RollingUpgrade.objects.get(started_by=StartedBy.USER))
    assert by_hand.status == UpgradeStatus.COMPLETED
    m.end_stop() if seconds is None else m.world.sleep(seconds)
    m.world.run(8)
    assert not m.world.ask(FleetStop.objects.filter(ended_at=None).exists)
    to_the_end(m)
    assert statuses(m) == {UpgradeStatus.COMPLETED}
