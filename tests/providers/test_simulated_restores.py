"""Restores by the simulator beyond the contract: what is on disk of them, what goes wrong with them, who came before them."""

import asyncio
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from tests.providers.contract import FURNISHED, NEW, OLD, create, delete, done, outcomes, reimage, restore
from tests.providers.simulator import (
    Simulator,
    done_whatever_happens,
    http_status,
    killed_now_and_then,
    takes_tcp,
)
from tests.waiting import wait_until
from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import InstanceView, MachineProfile, Outcome, Progress, Provider, ScaleSetReference
from upgrades.providers.checks.site import unaddressed
from upgrades.providers.simulated.client import SimulatorControl

FLEET = 40
OLD_STATE = Path(__file__).parent / "state_before_restores.sql"
WITH_CUSTOM_DATA = MachineProfile(custom_data="eA==")  # one run for each first boot
DISKS = "SELECT os_disk, restored_by, dropped FROM runs WHERE instance = '{}' ORDER BY rowid"


def test_a_dead_machine_is_saved_by_a_restore(shared_simulator: Simulator, scale_set: ScaleSetReference) -> None:
    async def story(provider: Provider) -> None:
        dead = _tagged(scale_set, {"dead-versions": NEW})
        (before,) = await done(provider, create(dead, "0"))
        (corpse,) = await done(provider, reimage(dead, "0"))
        assert (corpse.provisioning, corpse.address) == (Provisioning.CREATING, "")
        (saved,) = await done(provider, restore(dead, "0", before.os_disk))
        assert unaddressed(saved) == unaddressed(before)
        assert http_status(saved.address) == 200

    shared_simulator.play(story)


def test_a_restored_machine_boots_as_long_as_its_version_and_is_silent_meanwhile(
    shared_simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    async def story(provider: Provider) -> None:
        (before,) = await done(provider, create(scale_set, "0"))
        await done(provider, reimage(scale_set, "0"))
        back = replace(restore(_tagged(scale_set, {"boot-seconds": "0.3"}), "0", before.os_disk), image=None)
        assert await provider.begin([back]) == {}
        assert not takes_tcp(before.address)
        view = (await outcomes(provider, [back]))[back.id].view
        assert view
        assert unaddressed(view) == unaddressed(before)
        assert http_status(view.address) == 200

    shared_simulator.play(story)


def test_failing_restores_leave_the_new_disk_keep_the_old_one_and_fail_the_same_way_again(
    shared_simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    async def story(provider: Provider) -> None:
        shaky = _tagged(scale_set, {"restore-fail-percent": "40", "seed": "s"})
        before = await done(provider, *(create(shaky, str(number)) for number in range(30)))
        after = await done(provider, *(reimage(shaky, view.instance) for view in before))
        failed = await _failed_restores(provider, shaky, before)
        assert 3 < len(failed) < 25
        views = await provider.views(shaky)
        for old, new in zip(before, after, strict=True):
            expected = replace(new, provisioning=Provisioning.FAILED) if old.instance in failed else old
            assert unaddressed(views[old.instance]) == unaddressed(expected)
        assert await _failed_restores(provider, shaky, before) == failed
        backs = [restore(_tagged(shaky, {"restore-fail-percent": "0"}), view.instance, view.os_disk) for view in before]
        assert _all_unaddressed(await done(provider, *backs)) == _all_unaddressed(before)

    shared_simulator.play(story)


def test_a_stopped_machine_is_booted_from_the_disk_that_it_is_on(
    shared_simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    async def story(provider: Provider) -> None:
        (before,) = await done(provider, create(scale_set, "0"))
        control = SimulatorControl(shared_simulator.home)
        await control.act(scale_set.key, {"stop": ["0"]})
        await control.close()
        (view,) = await done(provider, restore(scale_set, "0", before.os_disk))
        assert unaddressed(view) == unaddressed(before)

    shared_simulator.play(story)


def test_a_refused_restore_names_the_disks_of_the_machine(
    shared_simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    async def story(provider: Provider) -> None:
        (first,) = await done(provider, create(scale_set, "0"))
        lost = restore(scale_set, "0", "lost")
        assert "keeps none: it was not reimaged" in (await provider.begin([lost]))[lost.id].message
        (second,) = await done(provider, reimage(scale_set, "0"))
        message = (await provider.begin([lost]))[lost.id].message
        assert f"it is on {second.os_disk} and keeps {first.os_disk}, which its last reimage replaced" in message

    shared_simulator.play(story)


def test_the_record_of_disks_is_one_chain_with_the_restores_in_it(
    simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    dead = _tagged(scale_set, {"dead-versions": NEW})

    async def story(provider: Provider) -> list[tuple[str, str, str]]:
        (first,) = await done(provider, create(scale_set, "0", OLD, WITH_CUSTOM_DATA))
        (second,) = await done(provider, reimage(scale_set, "0", NEW, WITH_CUSTOM_DATA))
        backs = [restore(scale_set, "0", first.os_disk) for _ in range(3)]
        await done(provider, backs[0])
        await done(provider, backs[1])  # nothing to do
        (corpse,) = await done(provider, reimage(dead, "0", NEW, WITH_CUSTOM_DATA))  # never boots, so nothing runs
        await done(provider, backs[2])
        return [
            (first.os_disk, "", ""),
            (second.os_disk, "", ""),
            (first.os_disk, backs[0].id, second.os_disk),
            (first.os_disk, backs[2].id, corpse.os_disk),
        ]

    expected = simulator.play(story)
    assert simulator.rows(DISKS.format(0)) == expected


def test_a_kept_disk_that_never_booted_boots_for_the_first_time(
    shared_simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    async def story(provider: Provider) -> None:
        dead = _tagged(scale_set, {"dead-versions": OLD})
        (corpse,) = await done(provider, create(dead, "0", OLD, WITH_CUSTOM_DATA))
        await done(provider, reimage(dead, "0", NEW, WITH_CUSTOM_DATA))
        (view,) = await done(provider, restore(scale_set, "0", corpse.os_disk))
        assert (view.os_disk, view.provisioning) == (corpse.os_disk, Provisioning.SUCCEEDED)
        assert [run.what for run in view.runs] == ["customData"]

    shared_simulator.play(story)
    assert [row[1] == "" for row in _records_of(shared_simulator, scale_set)] == [True, False, True]


def test_a_simulator_killed_during_restores_goes_on_where_it_was(
    simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    names = [str(number) for number in range(FLEET)]
    births = [create(scale_set, name, profile=FURNISHED) for name in names]

    async def before(provider: Provider) -> list[InstanceView]:
        views = await done(provider, *births)
        await done(provider, *(reimage(scale_set, name, profile=FURNISHED) for name in names))
        return views

    old = simulator.play(before)
    slow = _tagged(scale_set, {"boot-seconds": "4"})
    backs = [restore(slow, view.instance, view.os_disk) for view in old]

    async def begun(provider: Provider) -> None:
        assert await provider.begin(backs) == {}
        assert {view.power for view in (await provider.views(slow)).values()} == {Power.STARTING}

    simulator.play(begun)
    simulator.kill()
    simulator.start()

    async def after(provider: Provider) -> None:
        assert _all_unaddressed(await done(provider, *backs)) == _all_unaddressed(old)

    simulator.play(after)
    simulator.kill()
    simulator.start()
    views = list(simulator.play(lambda provider: provider.views(slow)).values())
    assert _all_unaddressed(views) == _all_unaddressed(old)
    assert all(http_status(view.address) == 200 for view in views)


def test_every_restore_is_done_once_despite_kills_at_any_moment(
    simulator: Simulator, scale_set: ScaleSetReference
) -> None:
    """Reimages and restores, round after round, while the process is killed under them again and again."""

    async def story(provider: Provider) -> dict[str, list[str]]:
        names = [str(number) for number in range(FLEET)]
        old = await done(provider, *(create(scale_set, name, profile=WITH_CUSTOM_DATA) for name in names))
        chains = {view.instance: [view.os_disk] for view in old}
        killer = asyncio.create_task(killed_now_and_then(simulator, times=6))
        while not killer.done():
            swaps = [reimage(scale_set, name, profile=WITH_CUSTOM_DATA) for name in names]
            new = await done_whatever_happens(provider, *swaps)
            backs = [restore(scale_set, view.instance, view.os_disk) for view in old]
            assert _all_unaddressed(await done_whatever_happens(provider, *backs)) == _all_unaddressed(old)
            for view, kept in zip(new, old, strict=True):
                chains[view.instance] += [view.os_disk, kept.os_disk]
        await killer
        return chains

    chains = simulator.play(story)
    for instance, chain in chains.items():
        records = simulator.rows(DISKS.format(instance))
        assert [os_disk for os_disk, _, _ in records] == chain
        assert [dropped for _, _, dropped in records] == ["", *_dropped(chain)]


def test_old_records_are_forgotten_except_for_the_kept_disk(simulator: Simulator, scale_set: ScaleSetReference) -> None:
    async def made(provider: Provider) -> list[InstanceView]:
        views = await done(provider, create(scale_set, "0", OLD, FURNISHED), create(scale_set, "1", OLD, FURNISHED))
        await done(provider, *(reimage(scale_set, view.instance, NEW, FURNISHED) for view in views))
        await done(provider, delete(scale_set, "1"))
        return views

    kept, _ = simulator.play(made)
    back = restore(scale_set, "0", kept.os_disk)
    _age(simulator)
    wait_until(lambda: simulator.rows("SELECT DISTINCT instance FROM runs") == [("0",)])
    assert simulator.rows("SELECT count(*) FROM runs") == [(8,)]

    async def restored(provider: Provider) -> None:
        (view,) = await done(provider, back)
        assert [run.what for run in view.runs] == [run.what for run in kept.runs]

    async def asked_again(provider: Provider) -> Outcome:
        assert (await provider.poll([back.id]))[back.id].progress is Progress.UNKNOWN
        assert await provider.begin([back]) == {}
        return (await provider.poll([back.id]))[back.id]

    simulator.play(restored)
    _age(simulator)
    wait_until(lambda: simulator.rows("SELECT count(*) FROM operations") == [(0,)])
    outcome = simulator.play(asked_again)
    assert (outcome.progress, outcome.view and outcome.view.os_disk) == (Progress.SUCCEEDED, kept.os_disk)


def test_the_state_of_a_simulator_that_knew_no_restores_is_taken_over(simulator: Simulator) -> None:
    """One machine was in the middle of its reimage, the other one was reimaged before disks were kept."""
    simulator.stop()
    simulator.state.unlink()
    with closing(sqlite3.connect(simulator.state)) as database:
        database.executescript(OLD_STATE.read_text())
    simulator.start()
    web = ScaleSetReference("rg/web", {"rollgrid-sim-boot-seconds": "0"})
    wait_until(lambda: simulator.play(lambda provider: provider.views(web))["0"].version == NEW)
    before = simulator.play(lambda provider: provider.views(web))
    assert before["1"].os_disk == "web_web_1_OsDisk_1_33333333"
    assert [run.what for run in before["1"].runs] == ["customData", "agent", "app", "health"]
    simulator.kill()
    simulator.start()

    async def story(provider: Provider) -> None:
        assert _all_unaddressed((await provider.views(web)).values()) == _all_unaddressed(before.values())
        (view,) = await done(provider, restore(web, "0", "web_web_0_OsDisk_1_11111111"))
        assert (view.version, len(view.runs), view.data_disks) == (OLD, 4, before["0"].data_disks)
        never_kept = restore(web, "1", "web_web_1_OsDisk_1_55555555")
        assert (await provider.begin([never_kept]))[never_kept.id].code == "OSDiskNotFound"

    simulator.play(story)


async def _failed_restores(provider: Provider, scale_set: ScaleSetReference, before: list[InstanceView]) -> set[str]:
    """The instances that could not go back."""
    backs = [restore(scale_set, view.instance, view.os_disk) for view in before]
    assert await provider.begin(backs) == {}
    ended: Mapping[str, Outcome] = await outcomes(provider, backs)
    assert {outcome.code for outcome in ended.values()} == {"", "OSProvisioningClientError"}
    return {back.instance for back in backs if ended[back.id].progress is Progress.FAILED}


def _tagged(scale_set: ScaleSetReference, tags: Mapping[str, str]) -> ScaleSetReference:
    more = {f"rollgrid-sim-{name}": value for name, value in tags.items()}
    return ScaleSetReference(scale_set.key, {**scale_set.tags, **more})


def _records_of(simulator: Simulator, scale_set: ScaleSetReference) -> list[tuple[str, str]]:
    return simulator.rows(f"SELECT os_disk, restored_by FROM runs WHERE scale_set = '{scale_set.key}' ORDER BY rowid")


def _all_unaddressed(views: Iterable[InstanceView]) -> list[InstanceView]:
    return [unaddressed(view) for view in views]


def _dropped(chain: list[str]) -> list[str]:
    return [part for new in chain[1::2] for part in ("", new)]


def _age(simulator: Simulator) -> None:
    """All that it wrote was long ago."""
    simulator.kill()
    simulator.change("""
        UPDATE operations SET finished_at = finished_at - 26 * 3600;
        UPDATE runs SET at = '2000' || substr(at, 5);
    """)
    simulator.start()
