"""Creations that fail, what they leave behind, and machines that are deleted behind our back."""

from collections.abc import Mapping
from dataclasses import replace

from tests.providers.contract import create, delete, done, outcomes, reimage
from tests.providers.simulator import Simulator
from upgrades.core.states import Provisioning
from upgrades.providers.base import Progress, Provider, ScaleSetReference
from upgrades.providers.simulated.client import SimulatorControl


def tagged(scale_set: ScaleSetReference, tags: Mapping[str, str]) -> ScaleSetReference:
    own = {f"rollgrid-sim-{name}": value for name, value in tags.items()}
    return replace(scale_set, tags={**scale_set.tags, **own})


def test_a_half_made_machine_is_created_anew(shared_simulator: Simulator, scale_set: ScaleSetReference) -> None:
    """In its own place: it takes no more room than one."""

    async def story(provider: Provider) -> None:
        bad = tagged(scale_set, {"create-fail-percent": "100", "quota": "1"})
        first = create(bad, "0")
        assert await provider.begin([first]) == {}
        outcome = (await outcomes(provider, [first]))[first.id]
        assert (outcome.progress, outcome.code) == (Progress.FAILED, "OSProvisioningClientError")
        (left,) = (await provider.views(bad)).values()
        assert left.provisioning is Provisioning.FAILED
        good = tagged(scale_set, {"create-fail-percent": "0", "quota": "1"})
        (made,) = await done(provider, create(good, "0"))
        assert made.provisioning is Provisioning.SUCCEEDED and made.os_disk != left.os_disk
        assert await provider.views(good) == {"0": made}
        assert await provider.available_quota(good) == 0

    shared_simulator.play(story)


def test_a_machine_that_started_once_is_not_created_anew(
    shared_simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    """Not even where its last reimage brought an image that never boots: its data disks are its own."""

    async def story(provider: Provider) -> None:
        dead = tagged(scale_set, {"dead-versions": "16.04.2"})
        await done(provider, create(dead, "0"))
        await done(provider, reimage(dead, "0", "16.04.2"))
        again = create(dead, "0")
        refused = await provider.begin([again])
        assert refused[again.id].code == "InstanceExists"

    shared_simulator.play(story)


def test_a_half_made_machine_can_be_deleted(shared_simulator: Simulator, scale_set: ScaleSetReference) -> None:
    async def story(provider: Provider) -> None:
        bad = tagged(scale_set, {"create-fail-percent": "100"})
        first = create(bad, "0")
        await provider.begin([first])
        await outcomes(provider, [first])
        gone = delete(bad, "0")
        await provider.begin([gone])
        assert (await outcomes(provider, [gone]))[gone.id].progress is Progress.SUCCEEDED
        assert await provider.views(bad) == {}

    shared_simulator.play(story)


def test_a_machine_that_vanished_is_in_no_answer_and_can_be_made_again(
    shared_simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    async def story(provider: Provider) -> None:
        await done(provider, create(scale_set, "0"), create(scale_set, "1"))
        control = SimulatorControl(shared_simulator.home)
        assert await control.act(scale_set.key, {"sick": ["0"], "vanish": ["0"]}) == 2
        await control.close()
        assert set(await provider.views(scale_set)) == {"1"}
        (made,) = await done(provider, create(scale_set, "0"))
        assert made.provisioning is Provisioning.SUCCEEDED
        assert set(await provider.views(scale_set)) == {"0", "1"}

    shared_simulator.play(story)


def test_a_machine_that_vanishes_in_its_creation_was_never_made(
    shared_simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    async def story(provider: Provider) -> None:
        slow = tagged(scale_set, {"boot-seconds": "0.3"})
        first = create(slow, "0")
        await provider.begin([first])
        control = SimulatorControl(shared_simulator.home)
        await control.act(slow.key, {"vanish": ["0"]})
        await control.close()
        outcome = (await outcomes(provider, [first]))[first.id]
        assert (outcome.progress, outcome.code) == (Progress.FAILED, "InstanceNotFound")
        await done(provider, create(slow, "0"))

    shared_simulator.play(story)


def test_a_machine_that_was_moved_is_not_made_a_second_time(
    shared_simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    async def story(provider: Provider) -> None:
        await done(provider, create(scale_set, "0"), create(scale_set, "1"))
        control = SimulatorControl(shared_simulator.home)
        await control.act(scale_set.key, {"vanish": ["0"]})
        await control.close()
        moved = tagged(scale_set, {"elsewhere": "0"})
        again = create(moved, "0")
        error = (await provider.begin([again]))[again.id]
        assert (error.code, error.permanent) == ("MachineElsewhere", True)
        assert set(await provider.views(moved)) == {"1"}
        await done(provider, create(tagged(scale_set, {"elsewhere": ""}), "0"))

    shared_simulator.play(story)
