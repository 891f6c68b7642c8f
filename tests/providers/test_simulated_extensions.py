"""Extensions brought up to date by the simulator, beyond the contract: the scene's failures, what is on disk, what came before."""

from collections.abc import Mapping
from dataclasses import replace

from tests.providers.contract import NEW, OLD, create, done, extend, outcomes
from tests.providers.simulator import Simulator, http_status
from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import Operation, Outcome, Provider, ScaleSetReference
from upgrades.providers.checks.extensions import EARLIER, LATER, had
from upgrades.providers.simulated.client import SimulatorControl
from upgrades.providers.simulated.wire import view_from_wire

RUNS = "SELECT what FROM runs WHERE scale_set = '{}' ORDER BY rowid"


def test_a_failing_extension_is_told_as_after_a_reimage_and_run_again(
    shared_simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    async def story(provider: Provider) -> None:
        failing = _tagged(scale_set, {"extension-fails": "APP"})
        await done(provider, create(scale_set, "0", profile=EARLIER))
        (view,) = await done(provider, extend(failing, "0", LATER))
        states = {
            extension.name: (extension.state, extension.message, extension.version) for extension in view.extensions
        }
        assert states["app"] == (Provisioning.FAILED, "it is named by the tag rollgrid-sim-extension-fails", "2.0")
        assert (view.provisioning, http_status(view.address)) == (Provisioning.SUCCEEDED, 200)
        (again,) = await done(provider, extend(failing, "0", LATER))
        assert [run.what for run in again.runs[len(view.runs) :]] == ["app"]

    shared_simulator.play(story)


def test_a_machine_answers_while_its_extensions_run(shared_simulator: Simulator, scale_set: ScaleSetReference) -> None:
    async def story(provider: Provider) -> None:
        (before,) = await done(provider, create(scale_set, "0", profile=EARLIER))
        operation = extend(_tagged(scale_set, {"boot-seconds": "0.5"}), "0", LATER)
        assert await provider.begin([operation]) == {}
        assert http_status(before.address) == 200
        view = (await outcomes(provider, [operation]))[operation.id].view
        assert view
        assert view.address == before.address

    shared_simulator.play(story)


def test_extensions_do_not_run_on_a_machine_without_a_reporting_agent(
    shared_simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    async def story(provider: Provider) -> None:
        dead = _tagged(scale_set, {"dead-versions": NEW})
        await done(provider, create(dead, "0", OLD, EARLIER), create(dead, "1", NEW, EARLIER))
        control = SimulatorControl(shared_simulator.home)
        await control.act(scale_set.key, {"stop": ["0"]})
        await control.close()
        before = await provider.views(dead)
        for instance, power in (("0", Power.STOPPED), ("1", Power.RUNNING)):
            outcome = await _ended(provider, extend(dead, instance, LATER))
            assert (outcome.code, f"'{instance}'" in outcome.message) == ("VMAgentStatusCommunicationError", True)
            after = (await provider.views(dead))[instance]
            assert (after.power, after.provisioning, had(after)) == (power, Provisioning.FAILED, had(before[instance]))
            assert (after.os_disk, after.runs) == (before[instance].os_disk, before[instance].runs)

    shared_simulator.play(story)


def test_runs_of_extensions_are_kept_once_and_known_after_a_kill(
    simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    operation = extend(scale_set, "0", LATER)

    async def story(provider: Provider) -> None:
        await done(provider, create(scale_set, "0", profile=EARLIER))
        await done(provider, operation)

    simulator.play(story)
    before = simulator.play(lambda provider: provider.views(scale_set))
    simulator.kill()
    simulator.change("DELETE FROM operations")  # as a day later
    simulator.start()

    async def again(provider: Provider) -> None:
        assert replace((await provider.views(scale_set))["0"], address="") == replace(before["0"], address="")
        assert (await _ended(provider, operation)).view == (await provider.views(scale_set))["0"]

    simulator.play(again)
    assert [what for (what,) in simulator.rows(RUNS.format(scale_set.key))] == [
        *("customData", "agent", "app", "gone"),
        *("health", "app"),
    ]


def test_a_view_of_before_is_understood() -> None:
    old = {
        "instance": "0",
        "os_disk": "disk",
        "version": OLD,
        "power": "running",
        "provisioning": "succeeded",
        "address": "",
        "data_disks": [],
        "extensions": [["agent", "succeeded"]],
        "runs": [],
    }
    assert had(view_from_wire(old)) == {"agent": ""}


async def _ended(provider: Provider, operation: Operation) -> Outcome:
    assert await provider.begin([operation]) == {}
    return (await outcomes(provider, [operation]))[operation.id]


def _tagged(scale_set: ScaleSetReference, tags: Mapping[str, str]) -> ScaleSetReference:
    more = {f"rollgrid-sim-{name}": value for name, value in tags.items()}
    return ScaleSetReference(scale_set.key, {**scale_set.tags, **more})
