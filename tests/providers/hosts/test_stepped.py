"""The provider that is made of a driver keeps the contract, and goes on after a kill at any line."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.providers.contract import (
    FURNISHED,
    NEW,
    OLD,
    ProviderContract,
    create,
    delete,
    done,
    outcomes,
    play,
    reimage,
    restore,
)
from tests.providers.extensions import ExtensionsContract
from tests.providers.hosts.folder_driver import UNLUCKY, FolderDriver
from tests.providers.restores import RestoreContract
from tests.providers.troubles import TroublesContract
from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import InstanceView, Operation, Progress, Provider, ScaleSetReference
from upgrades.providers.hosts import stepped
from upgrades.providers.hosts.driver import Driver, Ended, Waiting
from upgrades.providers.hosts.journal import REMEMBERED
from upgrades.providers.hosts.stepped import SteppedProvider

SET = ScaleSetReference("rg/set")


class TestContract(ProviderContract, RestoreContract, ExtensionsContract, TroublesContract):
    @pytest.fixture
    def make_provider(self, tmp_path: Path) -> Callable[[], Provider]:
        return lambda: made(tmp_path)

    @pytest.fixture
    def scale_set(self) -> ScaleSetReference:
        return SET

    @pytest.fixture
    def slow(self, scale_set: ScaleSetReference) -> ScaleSetReference:
        return scale_set

    @pytest.fixture
    def unlucky(self) -> ScaleSetReference:
        return ScaleSetReference(SET.key, {UNLUCKY: ""})

    @pytest.fixture
    def silence(self, tmp_path: Path) -> Callable[[], AbstractContextManager[None]]:
        @contextmanager
        def silent() -> Iterator[None]:
            (tmp_path / "silent").touch()
            yield
            (tmp_path / "silent").unlink()

        return silent

    @pytest.fixture
    def cut_off(self) -> Callable[[], None]:
        return lambda: None  # what does the work is the provider object of before: it is gone

    @pytest.fixture
    def take_away(self, tmp_path: Path) -> Callable[[ScaleSetReference, str], None]:
        return lambda scale_set, instance: next(tmp_path.glob(f"*+{instance}.machine")).unlink()


def made(folder: Path, *, boot_seconds: float = 0.2, bad_version: str = "", clock_jump: float = 0.0) -> SteppedProvider:
    driver = FolderDriver(folder, boot_seconds=boot_seconds, bad_version=bad_version)
    return SteppedProvider(folder / "journal", driver, lambda: stepped.unix_time() + clock_jump)


def test_an_abandoned_operation_leaves_the_machine_half_made(tmp_path: Path) -> None:
    play(lambda: made(tmp_path), lambda provider: done(provider, create(SET, "0")))
    swap = reimage(SET, "0")
    play(lambda: made(tmp_path, boot_seconds=60), lambda provider: begun_and_stopped(provider, swap))
    view = seen(tmp_path, later=60)
    assert (view.half_made, view.version, view.provisioning) == (True, "", Provisioning.FAILED)
    assert not view.is_healthy
    # The same one again does it, in another process too.
    (view,) = play(lambda: made(tmp_path), lambda provider: done(provider, swap))
    assert (view.half_made, view.version) == (False, NEW)


def test_another_operation_takes_the_place_of_an_abandoned_one(tmp_path: Path) -> None:
    (old,) = play(lambda: made(tmp_path), lambda provider: done(provider, create(SET, "0")))
    swap, back = reimage(SET, "0"), restore(SET, "0", old.os_disk)
    play(lambda: made(tmp_path, boot_seconds=60), lambda provider: begun_and_stopped(provider, swap))
    assert play(lambda: made(tmp_path), lambda provider: provider.begin([back]))[back.id].code == "OperationInProgress"
    (view,) = play(lambda: made(tmp_path, clock_jump=60), lambda provider: done(provider, back))
    assert (view.os_disk, view.version, view.half_made) == (old.os_disk, OLD, False)
    outcome = play(lambda: made(tmp_path), lambda provider: provider.poll([swap.id]))[swap.id]
    assert (outcome.progress, outcome.code) == (Progress.FAILED, "Abandoned")
    # What took its place has made the machine whole.
    assert not seen(tmp_path).half_made
    # A worker that wakes up late begins nothing a second time.
    assert play(lambda: made(tmp_path), lambda provider: provider.begin([swap])) == {}
    assert seen(tmp_path).os_disk == old.os_disk


def test_a_machine_stays_half_made_until_an_operation_has_made_it_whole(tmp_path: Path) -> None:
    play(lambda: made(tmp_path), lambda provider: done(provider, create(SET, "0")))
    play(lambda: made(tmp_path, boot_seconds=60), lambda provider: begun_and_stopped(provider, reimage(SET, "0")))
    unlucky = ScaleSetReference(SET.key, {UNLUCKY: ""})
    swap = reimage(unlucky, "0")

    async def fails(provider: Provider) -> None:
        assert await provider.begin([swap]) == {}
        assert (await outcomes(provider, [swap]))[swap.id].progress is Progress.FAILED

    play(lambda: made(tmp_path, clock_jump=60), fails)
    assert (seen(tmp_path).half_made, seen(tmp_path).version) == (True, "")
    (view,) = play(lambda: made(tmp_path), lambda provider: done(provider, reimage(SET, "0")))
    assert (view.version, seen(tmp_path).half_made, seen(tmp_path).version) == (NEW, False, NEW)


def test_a_jump_of_the_clock_does_not_keep_a_machine_busy_for_ever(tmp_path: Path) -> None:
    play(lambda: made(tmp_path), lambda provider: done(provider, create(SET, "0")))
    play(lambda: made(tmp_path, boot_seconds=60), lambda provider: begun_and_stopped(provider, reimage(SET, "0")))
    play(lambda: made(tmp_path, clock_jump=-3600), lambda provider: done(provider, reimage(SET, "0")))


def test_a_disk_with_which_the_machine_does_not_come_up_is_taken_off_again(tmp_path: Path) -> None:
    (old,) = play(lambda: made(tmp_path), lambda provider: done(provider, create(SET, "0")))
    swap = reimage(SET, "0")

    async def story(provider: Provider) -> None:
        assert await provider.begin([swap]) == {}
        outcome = (await outcomes(provider, [swap]))[swap.id]
        assert (outcome.progress, outcome.code) == (Progress.FAILED, "OSProvisioningTimedOut")

    play(lambda: made(tmp_path, bad_version=NEW), story)
    view = seen(tmp_path)
    assert (view.os_disk, view.power, view.provisioning) == (old.os_disk, Power.RUNNING, Provisioning.FAILED)
    assert not view.half_made


def test_secrets_leave_the_journal_when_the_operation_ends(tmp_path: Path) -> None:
    birth = create(SET, "0", profile=FURNISHED)
    play(lambda: made(tmp_path), lambda provider: provider.begin([birth]))
    (file,) = (tmp_path / "journal" / "machines").glob("*.json")
    assert file.stat().st_mode & 0o777 == 0o600
    assert FURNISHED.custom_data in file.read_text()
    play(lambda: made(tmp_path), lambda provider: done(provider, birth))
    assert FURNISHED.custom_data not in file.read_text()


def test_only_the_last_operations_of_a_machine_are_remembered(tmp_path: Path) -> None:
    first = create(SET, "0")

    async def story(provider: Provider) -> None:
        await done(provider, first)
        for _ in range(REMEMBERED):
            await done(provider, delete(SET, "1"), delete(SET, "0"))

    play(lambda: made(tmp_path), story)
    assert len(list((tmp_path / "journal" / "index").iterdir())) == 2 * REMEMBERED
    assert play(lambda: made(tmp_path), lambda provider: provider.poll([first.id]))[first.id].progress is (
        Progress.UNKNOWN
    )


@pytest.mark.parametrize("kill_after", range(1, 9))
def test_a_worker_killed_at_any_step_loses_nothing(tmp_path: Path, kill_after: int) -> None:
    (old,) = play(lambda: made(tmp_path), lambda provider: done(provider, create(SET, "0", profile=FURNISHED)))
    swap = reimage(SET, "0", profile=FURNISHED)
    if not (child := os.fork()):
        with suppress(BaseException):
            provider = made(tmp_path)
            provider._driver = DeadAfter(provider._driver, kill_after)
            play(lambda: provider, lambda provider: done(provider, swap))
        os._exit(0)
    os.waitpid(child, 0)
    (new,) = play(lambda: made(tmp_path), lambda provider: done(provider, swap))
    assert (new.version, new.data_disks) == (NEW, old.data_disks)
    assert [run.what for run in new.runs] == ["customData", "agent", "app", "health"]
    (back,) = play(lambda: made(tmp_path), lambda provider: done(provider, restore(SET, "0", old.os_disk)))
    assert (back.os_disk, back.version, back.runs) == (old.os_disk, OLD, old.runs)


class DeadAfter:
    """A driver whose process is killed right after its n-th step, before anybody hears of it."""

    def __init__(self, driver: Driver, steps: int) -> None:
        self._driver, self._left = driver, steps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    async def step(self, operation: Operation, memory: MutableMapping[str, Any]) -> Waiting | Ended:
        result = await self._driver.step(operation, memory)
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


async def begun_and_stopped(provider: Provider, operation: Operation) -> None:
    """Begins it, and goes on with it until the machine is down. There it stays: on a busy machine the next step would be too soon."""
    assert isinstance(provider, SteppedProvider)
    provider._driver = StaysDown(provider._driver)
    assert await provider.begin([operation]) == {}
    async with asyncio.timeout(30):
        while (await provider.views(SET))["0"].power is not Power.STOPPED:
            await provider.poll([operation.id], wait_seconds=0.02)


class StaysDown:
    """A driver that takes no step once the machine is down."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    async def step(self, operation: Operation, memory: MutableMapping[str, Any]) -> Waiting | Ended:
        (machine,) = (await self._driver.views(SET)).values()
        return (
            Waiting(0.05, "nothing") if machine.power is Power.STOPPED else await self._driver.step(operation, memory)
        )


def seen(folder: Path, *, later: float = 0.0) -> InstanceView:
    """What is seen of the machine, by a clock that many seconds later."""
    return play(lambda: made(folder, clock_jump=later), lambda provider: provider.views(SET))["0"]
