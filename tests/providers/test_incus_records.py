"""What is read of an instance's keys and of a guest's report. No Incus is needed for that."""

import asyncio

import pytest

from tests.providers.contract import create, restore
from upgrades.core.states import OperationKind, Provisioning
from upgrades.providers.base import ScaleSetReference, boot_time
from upgrades.providers.incus.checks import disk_to_restore
from upgrades.providers.incus.client import IncusClient, IncusError
from upgrades.providers.incus.guest import read_report
from upgrades.providers.incus.records import Key, Machine, OSDisk, Phase, disk_to_json, view_of
from upgrades.providers.incus.settings import Settings
from upgrades.providers.incus.turns import Turns
from upgrades.providers.incus.work import Work

SCALE_SET = ScaleSetReference("rg/web")
PRESENT, KEPT = OSDisk("present", "16.04.1", "f1"), OSDisk("kept", "16.04.0", "f0", copy="c0")
SAVED = OSDisk("present", "16.04.1", "f1", copy="c1")


def machine(phase: Phase, *, saved: OSDisk | None = None, os_disk: OSDisk | None = PRESENT) -> Machine:
    """With an operation that is open, or was abandoned."""
    config: dict[str, str] = {
        Key.SET: SCALE_SET.key,
        Key.INSTANCE: "0",
        Key.OPERATION: "another" if phase else "",
        Key.KIND: OperationKind.REIMAGE,
        Key.PHASE: phase,
        Key.OS: disk_to_json(os_disk),
        Key.KEPT: disk_to_json(KEPT),
        Key.TARGET: disk_to_json(OSDisk("target", "16.04.2", "f2")),
        Key.SAVED: disk_to_json(saved),
    }
    return Machine("rg-web-0", "Running", config, {})


@pytest.mark.parametrize(
    ("phase", "saved", "is_whole"),
    [
        (Phase.NONE, None, True),
        (Phase.STOPPING, None, True),
        (Phase.EXTENDING, None, True),
        (Phase.REVIVING, None, True),
        (Phase.DELETING, None, True),
        (Phase.REVIVING, SAVED, False),
        (Phase.DELETING, SAVED, False),
        (Phase.SWAPPING, SAVED, False),
        (Phase.BOOTING, SAVED, False),
        (Phase.RETURNING, SAVED, False),
        (Phase.MAKING, None, False),
    ],
)
def test_a_root_that_no_swap_has_begun_to_replace_is_whole(phase: Phase, saved: OSDisk | None, is_whole: bool) -> None:
    """So a REIMAGE copies it first, and a RESTORE finds it."""
    found = machine(phase, saved=saved)
    view = view_of(found)
    assert found.is_whole == is_whole
    assert (view.half_made, view.version) == (not is_whole, PRESENT.version if is_whole else "")
    assert (view.provisioning is Provisioning.FAILED) == (not is_whole)
    if is_whole:
        assert disk_to_restore(restore(SCALE_SET, "0", "present"), found) == PRESENT
    elif saved:
        assert disk_to_restore(restore(SCALE_SET, "0", "present"), found) == SAVED
    assert disk_to_restore(restore(SCALE_SET, "0", "kept"), found) == KEPT
    assert disk_to_restore(restore(SCALE_SET, "0", "target"), found) is None


def test_a_report_with_huge_numbers_is_read_without_them() -> None:
    huge = "9" * 5000
    text = f"marker\t{huge}\tx\nmarker\t0\ty\nextension\top\tagent\t1.0\t{huge}\t2024\tz\n"
    report = read_report(text)
    assert (report.markers, report.extensions) == ({0: "y"}, ())


def a_work(**memory: object) -> Work:
    settings = Settings()
    return Work(IncusClient(settings, 1), settings, create(SCALE_SET, "0"), dict(memory), Turns("x", 1))


def test_a_phase_is_measured_from_its_beginning_or_the_clocks_restart() -> None:
    work = a_work(phase="booting", since=boot_time() - 100)
    assert 100 <= work.seconds_in(Phase.BOOTING) < 110
    work.restart_clock()
    assert work.seconds_in(Phase.BOOTING) < 10
    assert a_work(phase="booting", since=boot_time() - 100).seconds_in(Phase.EXTENDING) < 10


def test_notes_from_before_a_restart_of_the_computer_do_not_count() -> None:
    work = a_work(phase="booting", since=boot_time() + 5000)
    assert 0 <= work.seconds_in(Phase.BOOTING) < 10
    assert work.memory["since"] <= boot_time()


def test_turns_are_counted_for_all_providers_of_a_place() -> None:
    """Each attempt at an operation has its own provider, and a worker makes some at once."""

    async def story() -> None:
        here, another, elsewhere = Turns("here", 1), Turns("here", 1), Turns("there", 1)
        assert await here.take("a")
        assert await here.take("a")
        assert not await another.take("b")
        assert await elsewhere.take("b")
        here.give_all_back()
        assert await another.take("b")
        another.give_back("b")
        another.give_back("b")
        assert await here.take("a")
        assert not await another.take("b")
        for each in (here, elsewhere):
            each.give_all_back()

    asyncio.run(story())


def test_a_limit_of_the_host_is_named_with_its_remedy() -> None:
    error = IncusError(400, "Failed to start device: Too many open files")
    assert error.message.startswith("Failed to start device: Too many open files (raise the host's limit")
    assert "fs.inotify.max_user_instances" in error.message
    assert IncusError(400, "Instance is busy").message == "Instance is busy"
