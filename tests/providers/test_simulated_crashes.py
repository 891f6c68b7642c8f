"""The simulator killed, halted, started anew; and clients that outlive it."""

import asyncio
import gc
import resource
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing

import pytest

from tests.providers.contract import FURNISHED, NEW, create, done, outcomes, reimage
from tests.providers.simulator import (
    CHECKOUT,
    Simulator,
    done_whatever_happens,
    http_status,
    is_taken,
    killed_now_and_then,
    takes_tcp,
)
from tests.waiting import wait_until
from upgrades.core.states import Power
from upgrades.providers.base import (
    InstanceView,
    Operation,
    Outcome,
    Progress,
    Provider,
    ProviderError,
    ScaleSetReference,
)
from upgrades.providers.simulated.client import SimulatedProvider, SimulatorControl

FLEET = 40


def test_a_simulator_killed_in_mid_batch_goes_on_where_it_was(
    simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    slow = ScaleSetReference(scale_set.key, {"rollgrid-sim-boot-seconds": "1.0"})
    births = [create(scale_set, str(number), profile=FURNISHED) for number in range(FLEET)]
    swaps = [reimage(slow, str(number), profile=FURNISHED) for number in range(FLEET // 2)]

    async def before(provider: Provider) -> Mapping[str, InstanceView]:
        views = await done(provider, *births)
        assert await provider.begin(swaps) == {}
        return {view.instance: view for view in views}

    old = simulator.play(before)
    simulator.kill()
    simulator.start()

    async def after(provider: Provider) -> Mapping[str, InstanceView]:
        assert await provider.begin(swaps) == {}
        ended = await outcomes(provider, swaps)
        assert {outcome.progress for outcome in ended.values()} == {Progress.SUCCEEDED}
        views = await provider.views(slow)
        assert [ended[swap.id].view for swap in swaps] == [views[swap.instance] for swap in swaps]
        return views

    new = simulator.play(after)
    assert new.keys() == old.keys()
    for instance, view in new.items():
        was_swapped = int(instance) < FLEET // 2
        assert (view.os_disk != old[instance].os_disk) == was_swapped
        assert view.data_disks == old[instance].data_disks
        assert [run.what for run in view.runs] == ["customData", "agent", "app", "health"]
        assert http_status(view.address) == 200
    assert simulator.rows("SELECT count(*) FROM runs") == [(4 * (FLEET + FLEET // 2),)]


def test_the_time_that_passes_while_it_is_down_counts(simulator: Simulator, scale_set: ScaleSetReference) -> None:
    slow = ScaleSetReference(scale_set.key, {"rollgrid-sim-boot-seconds": "0.5"})
    birth = create(slow, "0")
    simulator.play(lambda provider: provider.begin([birth]))
    simulator.kill()
    due = time.monotonic() + 0.6
    wait_until(lambda: time.monotonic() > due)
    simulator.start()
    wait_until(
        lambda: simulator.play(lambda provider: provider.poll([birth.id]))[birth.id].progress is Progress.SUCCEEDED,
        seconds=5,
    )


def test_an_operation_of_the_future_takes_its_time_from_now_on(
    simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    """It was begun before the clock was set back by two hours: it took two hours more."""
    slow = ScaleSetReference(scale_set.key, {"rollgrid-sim-boot-seconds": "0.5"})
    birth = create(slow, "0")

    async def begin(provider: Provider) -> None:
        assert await provider.begin([birth]) == {}

    simulator.play(begin)
    simulator.kill()
    simulator.change("UPDATE operations SET started_at = started_at + 7200, due_at = due_at + 7200")
    simulator.start()

    async def after(provider: Provider) -> Mapping[str, Outcome]:
        return await outcomes(provider, [birth])

    assert simulator.play(after)[birth.id].progress == Progress.SUCCEEDED


def test_kills_at_any_moment_lose_and_double_nothing(simulator: Simulator, scale_set: ScaleSetReference) -> None:
    """Batch after batch while the process is killed under it again and again; whatever was answered must hold."""

    async def story(provider: Provider) -> int:
        await done(provider, *(create(scale_set, str(number)) for number in range(FLEET)))
        killer = asyncio.create_task(killed_now_and_then(simulator, times=6))
        disks: dict[str, set[str]] = {str(number): set() for number in range(FLEET)}
        versions = 0
        while not killer.done():
            versions += 1
            swaps = [reimage(scale_set, str(number), str(versions)) for number in range(FLEET)]
            for view in await done_whatever_happens(provider, *swaps):
                assert view.version == str(versions)
                disks[view.instance].add(view.os_disk)
        await killer
        assert {len(each) for each in disks.values()} == {versions}
        assert all(view.os_disk in disks[view.instance] for view in (await provider.views(scale_set)).values())
        return versions

    versions = simulator.play(story)
    assert simulator.rows("SELECT count(*) FROM operations") == [(FLEET * (1 + versions),)]


def test_machines_listen_again_where_they_did_or_else_say_where(
    simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    births = [create(scale_set, "0"), create(scale_set, "1")]

    async def made(provider: Provider) -> tuple[str, str]:
        first, second = await done(provider, *births)
        return first.address, second.address

    stays, moves = simulator.play(made)
    simulator.kill()
    host, _, port = moves.rpartition(":")
    with socket.create_server((host, int(port))):
        simulator.start()

        async def now(provider: Provider) -> None:
            views = await provider.views(scale_set)
            assert views["0"].address == stays or is_taken(stays)
            assert views["1"].address != moves
            assert http_status(views["1"].address) == 200
            ended = await provider.poll([birth.id for birth in births])
            assert [ended[birth.id].view for birth in births] == [views["0"], views["1"]]

        simulator.play(now)


def test_halted_its_machines_and_its_api_fall_silent_and_come_back(
    simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    async def made(provider: Provider) -> str:
        (view,) = await done(provider, create(scale_set, "0"))
        return view.address

    address = simulator.play(made)
    simulator.signal(signal.SIGSTOP)
    assert http_status(address, seconds=0.3) is None
    # The few connections that the kernel takes for it are soon used up.
    wait_until(lambda: not takes_tcp(address, seconds=0.3), seconds=5)
    with pytest.raises(ProviderError) as caught:
        simulator.play(lambda provider: provider.views(scale_set))
    assert (caught.value.code, caught.value.permanent) == ("SimulatorUnavailable", False)
    simulator.signal(signal.SIGCONT)
    wait_until(lambda: http_status(address) == 200)
    simulator.play(lambda provider: provider.views(scale_set))


def test_a_provider_finds_the_simulator_that_was_started_anew(
    simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    async def story(provider: Provider) -> None:
        await done(provider, create(scale_set, "0"))
        await asyncio.to_thread(simulator.stop)
        with pytest.raises(ProviderError, match="not running") as caught:
            await provider.views(scale_set)
        assert not caught.value.permanent
        await asyncio.to_thread(simulator.start)
        assert list(await provider.views(scale_set)) == ["0"]

    simulator.play(story)


def test_a_provider_serves_several_loops_in_turn(simulator: Simulator, scale_set: ScaleSetReference) -> None:
    """As Celery tasks do, also where nobody closes it: no warning, no session of a dead loop."""
    provider = SimulatedProvider(simulator.home, {})
    for number in range(3):
        asyncio.run(_begin_one(provider, create(scale_set, str(number))))
    assert len(asyncio.run(_views_and_close(provider, scale_set))) == 3
    del provider
    gc.collect()


def test_waiting_polls_do_not_hold_up_the_end(simulator: Simulator, scale_set: ScaleSetReference) -> None:
    slow = ScaleSetReference(scale_set.key, {"rollgrid-sim-boot-seconds": "60"})

    async def story(provider: Provider) -> None:
        birth = create(slow, "0")
        await provider.begin([birth])
        poll = asyncio.create_task(_gathered(provider, birth))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        assert await asyncio.to_thread(simulator.stop) == 0
        assert time.monotonic() - began < 3
        assert (await poll).progress is Progress.RUNNING

    simulator.play(story)


def test_idle_callers_are_disconnected_at_the_end(simulator: Simulator, scale_set: ScaleSetReference) -> None:
    """And nothing is left open: the log has no warning of it, as after every test."""

    async def story(provider: Provider) -> str:
        (view,) = await done(provider, create(scale_set, "0"))
        return view.address

    host, _, port = simulator.play(story).rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as caller:
        caller.sendall(b"GET / HT")
        assert http_status(f"{host}:{port}") == 200  # by now the first one has been let in
        assert simulator.stop() == 0
        assert caller.recv(100) == b""
    assert "Warning" not in simulator.log.read_text()


def test_a_state_that_cannot_be_written_costs_time_only(simulator: Simulator, scale_set: ScaleSetReference) -> None:
    """Found by filling the disk: it ended again and again, and took all its machines with it."""

    async def story(provider: Provider) -> None:
        (up,) = await done(provider, create(scale_set, "0"))
        late = create(ScaleSetReference(scale_set.key, {"rollgrid-sim-boot-seconds": "0.5"}), "1")
        await provider.begin([late])
        with closing(sqlite3.connect(simulator.state, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await asyncio.to_thread(wait_until, lambda: "cannot write the state (database is locked)" in said())
            other.execute("ROLLBACK")
        (view,) = await done(provider, late)
        assert http_status(view.address) == http_status(up.address) == 200

    def said() -> str:
        return simulator.log.read_text()

    pid = simulator.pid
    simulator.play(story)
    assert simulator.pid == pid
    assert "Traceback" not in said()


def test_a_second_simulator_on_the_same_folder_is_refused(simulator: Simulator) -> None:
    second = subprocess.run(
        simulator.command,
        env=simulator.environment,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 1
    assert f"already runs on {simulator.home} (process {simulator.pid})" in second.stderr
    assert "Traceback" not in second.stderr


def test_more_machines_than_descriptors_are_refused(simulator: Simulator, scale_set: ScaleSetReference) -> None:
    simulator.stop()
    simulator.start(before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (266, 266)))

    async def story(provider: Provider) -> None:
        births = [create(scale_set, str(number)) for number in range(12)]
        refused = await provider.begin(births)
        assert {(error.code, error.permanent) for error in refused.values()} == {("TooManyInstances", True)}
        assert list(refused) == [birth.id for birth in births[10:]]
        assert "10 instances" in refused[births[10].id].message
        await outcomes(provider, births[:10])

    simulator.play(story)


def test_old_operations_are_forgotten_and_still_not_done_twice(
    simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    birth, swap = create(scale_set, "0"), reimage(scale_set, "0")

    async def made(provider: Provider) -> InstanceView:
        await done(provider, birth)
        (view,) = await done(provider, swap)
        return view

    view = simulator.play(made)
    simulator.kill()
    simulator.change("UPDATE operations SET finished_at = finished_at - 26 * 3600")
    simulator.start()

    async def after(provider: Provider) -> None:
        ids = [birth.id, swap.id]
        assert {outcome.progress for outcome in (await provider.poll(ids)).values()} == {Progress.UNKNOWN}
        assert await provider.begin([swap, birth]) == {}
        assert (await provider.poll(ids))[swap.id] == Outcome(Progress.SUCCEEDED, view)
        assert await provider.views(scale_set) == {"0": view}

    wait_until(lambda: simulator.rows("SELECT count(*) FROM operations") == [(0,)])
    simulator.play(after)


def test_stops_and_sicknesses_are_on_disk_too(simulator: Simulator, scale_set: ScaleSetReference) -> None:
    async def made(provider: Provider) -> None:
        await done(provider, create(scale_set, "0"), create(scale_set, "1", NEW))
        control = SimulatorControl(simulator.home)
        await control.act(scale_set.key, {"stop": ["0"], "sick": ["1"]})
        await control.close()

    simulator.play(made)
    simulator.kill()
    simulator.start()
    views = simulator.play(lambda provider: provider.views(scale_set))
    assert (views["0"].power, views["0"].address) == (Power.STOPPED, "")
    assert http_status(views["1"].address) == 503


async def _begin_one(provider: Provider, operation: Operation) -> None:
    assert await provider.begin([operation]) == {}


async def _views_and_close(provider: Provider, scale_set: ScaleSetReference) -> Mapping[str, InstanceView]:
    try:
        return await provider.views(scale_set)
    finally:
        await provider.close()


async def _gathered(provider: Provider, operation: Operation) -> Outcome:
    return (await provider.poll([operation.id], wait_seconds=30))[operation.id]
