"""When the engine probes whom, and whose news it passes on."""

import asyncio
import contextlib
import time
from dataclasses import replace

import pytest

from tests.probes.conftest import Run
from tests.probes.responders import (
    HEALTHY,
    http,
    passed,
    probing,
    refusing,
    reply,
    responding,
    stall,
    tcp,
    until,
)
from upgrades.probes.engine import Engine
from upgrades.probes.targets import ProbeProtocol, ProbeSettings, Result, Target


def test_a_target_is_probed_at_once_and_then_every_interval(run: Run) -> None:
    async def story() -> None:
        async with responding(reply(HEALTHY)) as responder, probing() as running:
            running.engine.set_targets(1, [http(responder.port, interval=60), http(responder.port, 2, interval=0.1)])
            await until(lambda: len({result.target.key for result in running.results}) == 2)
            began = time.monotonic()
            running.results.clear()
            await until(lambda: len(running.results) == 5)
            assert time.monotonic() - began >= 0.35  # 5 intervals, of which two come up to half early
            assert len(responder.connections) == 7

    run(story())


def test_a_failing_target_is_probed_every_interval_too() -> None:
    async def story() -> None:
        with refusing() as port:
            async with probing() as running:
                began = time.monotonic()
                running.engine.set_targets(1, [http(port, interval=0.1)])
                await until(lambda: len(running.results) == 6)
        assert time.monotonic() - began >= 0.35

    asyncio.run(story())


def test_late_answers_of_an_old_disk_are_dropped(run: Run) -> None:
    async def story() -> None:
        async with responding(stall) as responder, probing() as running:
            target = http(responder.port)
            running.engine.set_targets(1, [target])
            await until(lambda: responder.connections and responder.connections[0].asked)
            running.engine.set_targets(1, [replace(target, generation="disk-2")])
            for connection in responder.connections:
                connection.transport.write(HEALTHY)
            await until(lambda: len(responder.connections) == 2 and responder.connections[1].asked)
            responder.connections[1].transport.write(HEALTHY)
            await until(lambda: running.results)
            await passed(0.1)
        assert [result.target.generation for result in running.results] == ["disk-2"]

    run(story())


@pytest.mark.parametrize("change", ["generation", "host", "settings"])
def test_a_changed_target_is_probed_at_once(change: str) -> None:
    async def story() -> None:
        async with responding(reply(HEALTHY)) as responder, probing() as running:
            target = http(responder.port)
            running.engine.set_targets(1, [target])
            await until(lambda: running.results)
            changed: dict[str, object] = {
                "generation": "disk-2",
                "host": "localhost",
                "settings": ProbeSettings(ProbeProtocol.TCP, "", 5, 1),
            }
            running.engine.set_targets(1, [replace(target, **{change: changed[change]})])  # type: ignore[arg-type]
            await until(lambda: len(running.results) == 2, 2)

    asyncio.run(story())


def test_unchanged_targets_keep_their_phase_and_new_ones_are_probed_at_once() -> None:
    async def story() -> None:
        async with responding(reply(HEALTHY)) as responder, probing() as running:
            targets = [http(responder.port, key, interval=2) for key in (1, 2)]
            running.engine.set_targets(1, targets)
            await until(lambda: len(running.results) == 2)
            for key in range(3, 13):
                targets.append(http(responder.port, key, interval=2))
                running.engine.set_targets(1, targets)
                await until(lambda key=key: running.of(key), 1)  # type: ignore[misc]
            assert len(running.of(1, 2)) == 2
            await until(lambda: len(running.of(1)) == 2 and len(running.of(2)) == 2)

    asyncio.run(story())


def test_absent_targets_and_groups_are_forgotten() -> None:
    async def story() -> None:
        async with responding(reply(HEALTHY)) as responder, probing() as running:
            targets = [http(responder.port, key, interval=0.05) for key in (1, 2, 3)]
            running.engine.set_targets(1, targets[:2])
            running.engine.set_targets(2, targets[2:])
            await until(lambda: len(running.of(3)) == 2)
            running.engine.set_targets(1, targets[:1])
            running.engine.forget(2)
            running.results.clear()
            await until(lambda: len(running.results) == 5)
            assert running.of(1) == running.results

    asyncio.run(story())


def test_a_forgotten_target_in_flight_is_hung_up() -> None:
    async def story() -> None:
        async with responding(stall) as responder, probing() as running:
            running.engine.set_targets(1, [http(responder.port, interval=0.2)])
            await until(lambda: responder.open)
            running.engine.forget(1)
            await until(lambda: not responder.open)
            await passed(0.3)
            assert not running.results
            assert len(responder.connections) == 1

    asyncio.run(story())


def test_hurried_targets_are_probed_at_once_even_when_a_probe_hangs() -> None:
    async def story() -> None:
        async with responding(stall) as responder, probing() as running:
            running.engine.set_targets(1, [http(responder.port), http(responder.port, 2)])
            await until(lambda: len([connection for connection in responder.open if connection.asked]) == 2)
            responder.answer = reply(HEALTHY)
            running.engine.hurry([2, 99])
            await until(lambda: running.results, 3)
            assert [result.target.key for result in running.results] == [2]

    asyncio.run(story())


def test_the_oldest_result_says_how_fresh_a_group_is() -> None:
    async def story() -> None:
        async with responding(stall) as responder, probing() as running:
            engine = running.engine
            assert engine.oldest(1) is None
            first, second = tcp(responder.port), http(responder.port, 2)
            began = time.monotonic()
            engine.set_targets(1, [])
            assert (engine.oldest(1) or 0) >= began
            engine.set_targets(1, [first, second])
            await until(lambda: running.of(1))
            assert engine.oldest(1) is None  # the second never answered
            await until(lambda: any(connection.asked for connection in responder.open))
            for connection in responder.open:
                connection.transport.write(HEALTHY)
            await until(lambda: running.of(2))
            oldest = engine.oldest(1)
            assert oldest is not None
            assert began <= oldest <= time.monotonic()
            engine.hurry([1])
            await until(lambda: len(running.of(1)) == 2)
            assert (engine.oldest(1) or 0) > oldest  # now it is the second's
            before = time.monotonic()
            engine.set_targets(1, [first, replace(second, generation="disk-2")])
            engine.hurry([1])
            await until(lambda: len(running.of(1)) == 3)
            assert (engine.oldest(1) or 0) >= before  # a new disk is news
            engine.forget(1)
            assert engine.oldest(1) is None

    asyncio.run(story())


def test_on_result_may_change_the_targets() -> None:
    async def story() -> None:
        results: list[Result] = []

        def on_result(result: Result) -> None:
            results.append(result)
            engine.set_targets(2, [])  # drops probes that are ready or in flight at this moment
            engine.set_targets(1, [replace(result.target, generation=f"disk-{len(results)}")])

        engine = Engine(on_result, max_in_flight=100)
        async with responding(reply(HEALTHY)) as responder:
            engine.set_targets(2, [http(responder.port, key) for key in range(2, 40)])
            engine.set_targets(1, [http(responder.port, 1)])
            task = asyncio.create_task(engine.run())
            await until(lambda: len(results) == 50)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    asyncio.run(story())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "no..name"])
def test_an_error_of_on_result_ends_the_run(run: Run, host: str) -> None:
    def on_result(result: Result) -> None:
        raise ConnectionError("the database is gone")

    async def story() -> None:
        engine = Engine(on_result)
        async with responding(reply(HEALTHY)) as responder:
            engine.set_targets(1, [http(responder.port, host=host)])
            with pytest.raises(ConnectionError, match="the database is gone"):
                await asyncio.wait_for(engine.run(), 5)

    run(story())


def test_a_cancelled_run_hangs_up_and_can_be_run_again(run: Run) -> None:
    async def story() -> None:
        results: list[Result] = []
        engine = Engine(results.append)
        async with responding(stall) as responder:
            engine.set_targets(1, [http(responder.port, key) for key in range(20)])
            for _ in range(2):
                task = asyncio.create_task(engine.run())
                await until(lambda: len(responder.open) == 20)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                await until(lambda: not responder.open)
        assert not results

    run(story())


def test_the_engine_runs_once_at_a_time() -> None:
    async def story() -> None:
        async with probing() as running:
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="runs already"):
                await running.engine.run()

    asyncio.run(story())


def test_impossible_targets_are_refused() -> None:
    with pytest.raises(ValueError, match="port must be 1 to 65535"):
        Target(1, "127.0.0.1", 0, "disk", ProbeSettings(ProbeProtocol.TCP, "", 5, 2))
    for protocol, path, interval, threshold in [
        (ProbeProtocol.HTTP, "", 5, 2),
        (ProbeProtocol.TCP, "/", 5, 2),
        (ProbeProtocol.TCP, "", 0, 2),
        (ProbeProtocol.TCP, "", 5, 0),
        (ProbeProtocol.HTTP, "/" * 3000, 5, 2),
    ]:
        with pytest.raises(ValueError, match="probe"):
            ProbeSettings(protocol, path, interval, threshold)


def test_the_time_out_is_the_interval_but_at_most_thirty_seconds() -> None:
    assert ProbeSettings(ProbeProtocol.TCP, "", 5, 2).timeout_seconds == 5
    assert ProbeSettings(ProbeProtocol.TCP, "", 60, 2).timeout_seconds == 30
