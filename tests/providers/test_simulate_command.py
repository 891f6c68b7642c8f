"""`manage.py simulate`: scenes on single instances."""

import http.client
import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from tests.providers.contract import FURNISHED, NEW, OLD, create, done, reimage
from tests.providers.simulator import Simulator, http_status, takes_tcp
from tests.waiting import wait_until
from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import InstanceView, Provider, ScaleSetReference


@pytest.fixture(autouse=True)
def our_home(settings: Settings, shared_simulator: Simulator) -> None:
    settings.ROLLGRID_HOME = shared_simulator.home


@pytest.fixture
def addresses(shared_simulator: Simulator, scale_set: ScaleSetReference) -> dict[str, str]:
    """Three instances, "0" to "2", that are up."""

    async def story(provider: Provider) -> dict[str, str]:
        views = await done(provider, *(create(scale_set, str(number), profile=FURNISHED) for number in range(3)))
        return {view.instance: view.address for view in views}

    return shared_simulator.play(story)


def simulate(*words: str) -> str:
    out = StringIO()
    call_command("simulate", *words, stdout=out)
    return out.getvalue()


def said(address: str) -> str:
    """The ApplicationHealthState that a machine answers with."""
    host, _, port = address.rpartition(":")
    line = http.client.HTTPConnection(host, int(port), timeout=5)
    try:
        line.request("GET", "/")
        return str(json.loads(line.getresponse().read())["ApplicationHealthState"])
    finally:
        line.close()


def view(simulator: Simulator, scale_set: ScaleSetReference, instance: str) -> InstanceView:
    return simulator.play(lambda provider: provider.views(scale_set))[instance]


def test_sick_machines_answer_503_until_healed(addresses: dict[str, str], scale_set: ScaleSetReference) -> None:
    assert "2 done" in simulate(scale_set.key.upper(), "--sick", "0", "1")
    assert [http_status(addresses[id]) for id in "012"] == [503, 503, 200]
    simulate(scale_set.key, "--heal", "0", "--sick", "2")
    assert [http_status(addresses[id]) for id in "012"] == [200, 503, 503]


def test_unhealthy_machines_say_so_in_an_answer_of_200(addresses: dict[str, str], scale_set: ScaleSetReference) -> None:
    """What a rich health probe takes for unhealthy, and a binary one for healthy."""
    simulate(scale_set.key, "--unhealthy", "0", "--sick", "1")
    assert [(http_status(addresses[id]), said(addresses[id])) for id in "012"] == [
        (200, "Unhealthy"),
        (503, "Unhealthy"),
        (200, "Healthy"),
    ]
    simulate(scale_set.key, "--heal", "0", "1")
    assert [(http_status(addresses[id]), said(addresses[id])) for id in "01"] == [(200, "Healthy")] * 2


def test_a_sick_machine_stays_sick_on_a_new_image(
    addresses: dict[str, str], scale_set: ScaleSetReference, shared_simulator: Simulator
) -> None:
    simulate(scale_set.key, "--sick", "0")

    async def story(provider: Provider) -> None:
        (after,) = await done(provider, reimage(scale_set, "0"))
        assert http_status(after.address) == 503

    shared_simulator.play(story)


def test_a_stopped_machine_is_silent_until_started(
    addresses: dict[str, str], scale_set: ScaleSetReference, shared_simulator: Simulator
) -> None:
    before = view(shared_simulator, scale_set, "0")
    simulate(scale_set.key, "--stop", "0")
    stopped = view(shared_simulator, scale_set, "0")
    assert (stopped.power, stopped.address) == (Power.STOPPED, "")
    assert not takes_tcp(addresses["0"])
    simulate(scale_set.key, "--start", "0")
    wait_until(lambda: view(shared_simulator, scale_set, "0") == before)
    assert http_status(addresses["0"]) == 200


def test_starting_takes_the_boot_time_and_leaves_running_machines_alone(
    addresses: dict[str, str], scale_set: ScaleSetReference, shared_simulator: Simulator
) -> None:
    slow = ScaleSetReference(scale_set.key, {"rollgrid-sim-boot-seconds": "60"})
    shared_simulator.play(lambda provider: provider.views(slow))
    simulate(scale_set.key, "--stop", "0")
    simulate(scale_set.key, "--start", "0", "1")
    assert view(shared_simulator, slow, "0").power is Power.STARTING
    assert view(shared_simulator, slow, "1").power is Power.RUNNING
    with pytest.raises(CommandError, match="another operation runs on 0 of"):
        simulate(scale_set.key, "--stop", "0")


def test_a_restart_is_a_stop_and_a_start(
    addresses: dict[str, str], scale_set: ScaleSetReference, shared_simulator: Simulator
) -> None:
    before = view(shared_simulator, scale_set, "0")
    simulate(scale_set.key, "--stop", "0", "--start", "0")
    wait_until(lambda: view(shared_simulator, scale_set, "0") == before)


def test_a_reimage_wakes_a_stopped_machine_and_a_failed_one_leaves_it_stopped(
    addresses: dict[str, str], scale_set: ScaleSetReference, shared_simulator: Simulator
) -> None:
    simulate(scale_set.key, "--stop", "0", "1")
    failing = ScaleSetReference(scale_set.key, dict(scale_set.tags) | {"rollgrid-sim-fail-percent": "100"})

    async def story(provider: Provider) -> None:
        (after,) = await done(provider, reimage(scale_set, "0"))
        assert after.power is Power.RUNNING
        swap = reimage(failing, "1")
        await provider.begin([swap])
        with pytest.raises(AssertionError):
            await done(provider, swap)
        left = (await provider.views(failing))["1"]
        assert (left.power, left.provisioning, left.version) == (Power.STOPPED, Provisioning.FAILED, OLD)

    shared_simulator.play(story)


def test_a_dead_machine_comes_alive_when_started_once_its_version_is_no_longer_dead(
    scale_set: ScaleSetReference, shared_simulator: Simulator
) -> None:
    dead = ScaleSetReference(scale_set.key, dict(scale_set.tags) | {"rollgrid-sim-dead-versions": NEW})

    async def story(provider: Provider) -> None:
        (view,) = await done(provider, create(dead, "0", NEW, FURNISHED))
        assert (view.provisioning, view.runs) == (Provisioning.CREATING, ())
        await provider.views(scale_set)

    shared_simulator.play(story)
    simulate(scale_set.key, "--start", "0")
    alive = wait_until(lambda: (v := view(shared_simulator, scale_set, "0")).address and v)
    assert isinstance(alive, InstanceView)
    assert alive.provisioning is Provisioning.SUCCEEDED
    assert len(alive.runs) == 4


def test_wrong_words_are_answered_with_the_right_ones(
    addresses: dict[str, str], scale_set: ScaleSetReference, shared_simulator: Simulator
) -> None:
    with pytest.raises(CommandError, match="at least one of --sick, --unhealthy, --heal, --stop, --vanish, --start"):
        simulate(scale_set.key)
    with pytest.raises(CommandError, match="no scale set rg/nothing; there are: rg/"):
        simulate("rg/nothing", "--sick", "0")
    with pytest.raises(CommandError, match=r"has no instance 7, 9; there are: 0, 1, 2"):
        simulate(scale_set.key, "--sick", "0", "7", "--stop", "9")
    assert http_status(addresses["0"]) == 200


def test_no_simulator_is_said_plainly(tmp_path: Path, settings: Settings) -> None:
    settings.ROLLGRID_HOME = tmp_path
    with pytest.raises(CommandError, match="not running"):
        simulate("rg/web", "--sick", "0")
