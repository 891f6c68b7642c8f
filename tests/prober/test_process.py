"""The prober process itself: real sockets, a real simulator, a real database, no broker (then no hints come)."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import Settings

from tests.orchestrator.fleet import Fleet
from tests.providers.conftest import simulator as simulator
from tests.providers.simulator import Simulator
from tests.stories import document
from tests.threads import in_thread
from tests.waiting import until
from upgrades.commands.scale_sets import set_model
from upgrades.core.states import Health
from upgrades.models import Instance, ScaleSet
from upgrades.prober import probe_targets, process
from upgrades.prober.process import Prober
from upgrades.providers.simulated.client import SimulatorControl

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)
ANSWER_TIMEOUT_SECONDS = 30


def clock() -> datetime:
    """The real one: a prober works in real time."""
    return datetime.now(UTC)  # noqa: TID251


@pytest.fixture
def fleet(simulator: Simulator, settings: Settings) -> Fleet:
    """Three machines that have just been made, and that nobody has asked yet."""
    settings.ROLLGRID_HOME = simulator.home
    settings.REDIS_URL = f"unix://{simulator.home}/no-broker.sock"
    made = Fleet(simulator.home, 3)
    made.now = clock()
    made.work(made.reconcile())
    return made


def probe(fleet: Fleet, story: Callable[[Callable[..., Any]], Coroutine[Any, Any, None]]) -> list[int]:
    """Runs a prober while the story is told; the story gets `until(condition)`. Answers which scale sets it woke."""
    woken: list[int] = []

    async def run() -> None:
        stop = asyncio.Event()
        prober = asyncio.create_task(Prober(fleet.home, clock, woken.append).run(stop))
        telling = asyncio.create_task(story(_until))
        done, _ = await asyncio.wait([prober, telling], return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        for task in done:
            task.result()
        await prober

    asyncio.run(run())
    return woken


async def _until(condition: Callable[[], Any]) -> None:
    await until(lambda: in_thread(condition), seconds=ANSWER_TIMEOUT_SECONDS)


def _healths(fleet: Fleet) -> list[str]:
    return list(Instance.objects.filter(scale_set=fleet.id).order_by("number").values_list("health", flat=True))


def test_the_prober_finds_instances_healthy_and_says_how_fresh_that_is(fleet: Fleet) -> None:
    assert _healths(fleet) == [Health.INITIALIZING] * 3

    async def story(until: Callable[..., Any]) -> None:
        await until(lambda: _healths(fleet) == [Health.HEALTHY] * 3)
        await until(lambda: fleet.row.probed_at is not None)

    before = clock()
    assert set(probe(fleet, story)) == {fleet.id}
    probed_at = fleet.row.probed_at
    assert probed_at and before < probed_at < clock()
    assert fleet.row.prober == ""


def test_the_prober_follows_changes_of_an_instance(fleet: Fleet) -> None:
    async def story(until: Callable[..., Any]) -> None:
        await until(lambda: _healths(fleet) == [Health.HEALTHY] * 3)
        control = SimulatorControl(fleet.home)
        await control.act(fleet.path, {"sick": ["1"]})
        await until(lambda: _healths(fleet) == [Health.HEALTHY, Health.UNHEALTHY, Health.HEALTHY])
        await control.act(fleet.path, {"heal": ["1"]})
        await until(lambda: _healths(fleet) == [Health.HEALTHY] * 3)
        await control.close()

    probe(fleet, story)
    assert fleet.instances[1].health_detail == "HTTP 200"


def test_the_prober_reads_rich_health_answers(fleet: Fleet) -> None:
    """A-8, on real sockets: 200 and "Unhealthy" is unhealthy, 503 is unknown whatever it says."""
    ScaleSet.objects.filter(pk=fleet.id).update(probe_is_rich=True, probe_grace_seconds=600)
    # Before the first probe: an instance that has answered well and then says 503 is unknown, not initializing.
    asyncio.run(_act(fleet, {"unhealthy": ["1"], "sick": ["2"]}))

    async def story(until: Callable[..., Any]) -> None:
        await until(lambda: _healths(fleet) == [Health.HEALTHY, Health.UNHEALTHY, Health.INITIALIZING])
        await _act(fleet, {"sick": ["0"]})
        await until(lambda: _healths(fleet) == [Health.UNKNOWN, Health.UNHEALTHY, Health.INITIALIZING])
        await _act(fleet, {"heal": ["0", "1", "2"]})
        await until(lambda: _healths(fleet) == [Health.HEALTHY] * 3)

    probe(fleet, story)


async def _act(fleet: Fleet, actions: dict[str, list[str]]) -> None:
    control = SimulatorControl(fleet.home)
    await control.act(fleet.path, actions)
    await control.close()


def test_https_probes_use_tls(fleet: Fleet) -> None:
    """Facts 3.2, on real sockets."""
    ScaleSet.objects.filter(pk=fleet.id).update(probe_protocol="https", probe_port=443)

    async def story(until: Callable[..., Any]) -> None:
        await until(lambda: _healths(fleet) == [Health.HEALTHY] * 3)
        control = SimulatorControl(fleet.home)
        await control.act(fleet.path, {"sick": ["1"]})
        await until(lambda: _healths(fleet) == [Health.HEALTHY, Health.UNHEALTHY, Health.HEALTHY])
        await control.act(fleet.path, {"heal": ["1"]})
        await until(lambda: _healths(fleet) == [Health.HEALTHY] * 3)
        await control.close()

    probe(fleet, story)
    assert (fleet.home / "simulator" / "machines.pem").exists(), "that is what they show"


def test_an_extension_that_fails_makes_instances_unhealthy_that_answer_well(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-32, from the provider to the row and back."""
    monkeypatch.setattr(process, "VIEW_SECONDS", 0.1)
    monkeypatch.setattr(process, "SLOW_VIEW_SECONDS", 0.1)

    async def story(until: Callable[..., Any]) -> None:
        await until(lambda: _healths(fleet) == [Health.HEALTHY] * 3)
        fleet.tags["rollgrid-sim-extension-fails"] = "health"
        await in_thread(fleet.put, 3)
        await until(lambda: _healths(fleet) == [Health.UNHEALTHY] * 3)
        details = await in_thread(lambda: {instance.health_detail for instance in fleet.instances})
        assert details == {"extensions not provisioned: health failed"}
        del fleet.tags["rollgrid-sim-extension-fails"]
        await in_thread(fleet.put, 3)
        await until(lambda: _healths(fleet) == [Health.HEALTHY] * 3)

    probe(fleet, story)


def test_stored_health_stays_until_there_is_a_verdict(fleet: Fleet) -> None:
    """A prober that comes after another died restarts its counts, not the health of the fleet."""
    Instance.objects.filter(scale_set=fleet.id).update(health=Health.HEALTHY)
    seq = fleet.row.seq

    async def story(until: Callable[..., Any]) -> None:
        await until(lambda: fleet.row.probed_at is not None)

    assert probe(fleet, story) == []
    assert fleet.row.seq == seq


def test_the_health_of_a_set_taken_over_is_known_at_once(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Upgrades wait for that. Found by killing probers: it was said when its time came, up to two seconds later."""
    monkeypatch.setattr(process, "PROBED_AT_SECONDS", 10 * ANSWER_TIMEOUT_SECONDS)

    async def story(until: Callable[..., Any]) -> None:
        await until(lambda: fleet.row.probed_at is not None)

    probe(fleet, story)


def test_a_new_machine_is_asked_about_at_once_where_there_is_no_probe(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches waited for it: machines were looked at every two seconds, whatever had happened to them."""
    monkeypatch.setattr(process, "VIEW_SECONDS", 10 * ANSWER_TIMEOUT_SECONDS)
    set_model(fleet.path, document(capacity=3, tags=fleet.tags), fleet.now)

    def upgrade_one() -> None:
        fleet.now = clock()
        fleet.publish("16.04.1")
        fleet.work(fleet.reconcile())

    async def story(until: Callable[..., Any]) -> None:
        await until(lambda: _healths(fleet) == [Health.HEALTHY] * 3 and fleet.row.probed_at)
        await in_thread(upgrade_one)
        await until(lambda: fleet.instances[0].version == "16.04.1" and _healths(fleet) == [Health.HEALTHY] * 3)

    probe(fleet, story)


def vanish(fleet: Fleet, *numbers: int) -> Callable[[], Coroutine[Any, Any, None]]:
    async def act() -> None:
        control = SimulatorControl(fleet.home)
        try:
            await control.act(fleet.path, {"vanish": [str(number) for number in numbers]})
        finally:
            await control.close()

    return act


@pytest.mark.parametrize("has_probe", [True, False])
def test_the_prober_finds_vanished_machines(fleet: Fleet, has_probe: bool) -> None:
    """Within seconds, whether its application is asked or not; of the others all stays as it is."""
    if not has_probe:
        set_model(fleet.path, document(capacity=3, tags=fleet.tags), fleet.now)

    async def story(until: Callable[..., Any]) -> None:
        await until(lambda: _healths(fleet) == [Health.HEALTHY] * 3 and fleet.row.probed_at)
        await vanish(fleet, 1)()
        await until(lambda: fleet.instances[1].missing_since)

    assert fleet.id in probe(fleet, story), "it is looked at at once"
    assert _healths(fleet) == [Health.HEALTHY, Health.UNKNOWN, Health.HEALTHY]


def test_no_answer_says_nothing(fleet: Fleet, simulator: Simulator) -> None:
    """However often it does not come, and though all its machines are silent."""
    simulator.kill()
    probed = probe_targets.read(fleet.id)
    assert probed

    async def asked_again_and_again() -> None:
        prober = Prober(fleet.home, clock, lambda _: None)
        prober._know(fleet.id, probed)
        for at in (0.0, 50.0, 100.0, 150.0):
            await prober._ask_provider(probed, at)
        await prober._end()

    asyncio.run(asked_again_and_again())
    assert [row.missing_since for row in fleet.instances] == [None] * 3


def test_a_deleted_scale_set_is_forgotten(fleet: Fleet) -> None:
    async def story(until: Callable[..., Any]) -> None:
        await until(lambda: fleet.row.probed_at is not None)
        await in_thread(ScaleSet.objects.filter(pk=fleet.id).delete)
        await until(lambda: not ScaleSet.objects.exists())
        other = await in_thread(Fleet, fleet.home, 1)
        await in_thread(lambda: other.work(other.reconcile()))
        await until(lambda: _healths(other) == [Health.HEALTHY])

    probe(fleet, story)
