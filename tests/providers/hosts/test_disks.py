"""The disks of a machine, by the files in its folder. What `qemu-img` makes is mostly laid there by hand."""

import json
import struct
import threading
from pathlib import Path

import pytest

from tests.providers.hosts.test_guest_status import REPORT
from upgrades.providers.base import DataDisk
from upgrades.providers.hosts import programs
from upgrades.providers.hosts.disks import MachineDisks, os_disk_of
from upgrades.providers.hosts.guest_status import GuestStatus, parse


@pytest.fixture
def disks(tmp_path: Path) -> MachineDisks:
    """A machine on the disk os-1."""
    disks = MachineDisks(tmp_path)
    add(disks, "os-1")
    disks.start_with("os-1")
    return disks


def test_a_good_swap_keeps_the_replaced_disk_only(disks: MachineDisks) -> None:
    for new, old in (("os-2", "os-1"), ("os-3", "os-2")):
        swap(disks, new)
        assert (disks.os_disk, disks.was) == (new, old)
        disks.keep_replaced()
        disks.keep_replaced()  # after a kill it is done again
        assert (disks.os_disk, disks.kept, disks.was) == (new, old, "")
        assert all_of(disks) == {new, old}


def test_a_bad_swap_leaves_the_disk_and_the_kept_one(disks: MachineDisks) -> None:
    swap(disks, "os-2")
    disks.keep_replaced()
    swap(disks, "os-3")
    disks.put_back()
    disks.put_back()
    assert (disks.os_disk, disks.was) == ("os-2", "")
    disks.forget_swap()
    assert (disks.os_disk, disks.kept, all_of(disks)) == ("os-2", "os-1", {"os-1", "os-2"})


def test_a_disk_that_was_put_back_leaves_none_kept(disks: MachineDisks) -> None:
    swap(disks, "os-2")
    disks.keep_replaced()
    disks.switch_back_to("os-1")
    disks.switch_back_to("os-1")
    assert (disks.os_disk, disks.was, disks.kept) == ("os-1", "os-2", "os-1")
    disks.drop_taken_off()
    disks.drop_taken_off()
    assert (disks.os_disk, disks.kept, all_of(disks)) == ("os-1", "", {"os-1"})


def test_a_restore_that_fails_has_both_disks_as_before(disks: MachineDisks) -> None:
    swap(disks, "os-2")
    disks.keep_replaced()
    disks.switch_back_to("os-1")
    disks.put_back()
    disks.forget_swap()
    assert (disks.os_disk, disks.kept, all_of(disks)) == ("os-2", "os-1", {"os-1", "os-2"})


def test_a_swap_after_an_abandoned_swap_keeps_the_last_good_disk(disks: MachineDisks) -> None:
    swap(disks, "os-2")  # it never came up, as far as anybody knows
    swap(disks, "os-3")
    assert disks.was == "os-1"
    disks.keep_replaced()
    assert (disks.kept, all_of(disks)) == ("os-1", {"os-1", "os-3"})


def test_a_swap_after_an_abandoned_swap_that_came_up_keeps_its_disk(disks: MachineDisks) -> None:
    swap(disks, "os-2")
    disks.note_report(report("os-2"))
    swap(disks, "os-3")
    disks.keep_replaced()
    assert (disks.kept, all_of(disks)) == ("os-2", {"os-2", "os-3"})


def test_a_restore_after_an_abandoned_swap_brings_the_old_disk(disks: MachineDisks) -> None:
    swap(disks, "os-2")
    disks.switch_back_to("os-1")
    assert (disks.os_disk, disks.was) == ("os-1", "os-2")
    disks.drop_taken_off()
    assert (disks.os_disk, disks.kept, all_of(disks)) == ("os-1", "", {"os-1"})


def test_a_restore_after_an_abandoned_swap_that_fails_goes_back_to_the_last_good_disk(disks: MachineDisks) -> None:
    swap(disks, "os-2")
    disks.note_report(report("os-2"))
    disks.keep_replaced()
    swap(disks, "os-3")  # it never came up, as far as anybody knows
    disks.switch_back_to("os-1")
    disks.switch_back_to("os-1")
    assert (disks.os_disk, disks.was, disks.kept) == ("os-1", "os-2", "os-1")
    disks.put_back()
    disks.forget_swap()
    assert (disks.os_disk, disks.kept, all_of(disks)) == ("os-2", "os-1", {"os-1", "os-2"})


def test_a_report_is_noted_under_the_disk_that_the_guest_is_on(disks: MachineDisks) -> None:
    """The machine may have got another disk since it was asked."""
    swap(disks, "os-2")
    disks.note_report(report("os-1"))
    assert (disks.has_come_up("os-1"), disks.has_come_up("os-2")) == (True, False)
    disks.note_report(report("somebody-elses"))
    assert all_of(disks) == {"os-1", "os-2"}


def test_half_a_report_on_disk_is_none(disks: MachineDisks) -> None:
    disks.note_report(report("os-1"))
    path = disks.folder / "os-1.json"
    path.write_bytes(path.read_bytes()[:40])
    assert disks.report("os-1") is None


def test_an_image_is_read_from_the_disk_itself(disks: MachineDisks) -> None:
    assert disks.image_of("os-1") == Path("/images/p/o/s/1.0/disk.qcow2")
    disks.path("os-1").write_bytes(b"QFI")
    assert disks.image_of("os-1") is disks.image_of("none") is None


def test_markers_come_from_the_guest(disks: MachineDisks) -> None:
    for lun in (0, 3):
        disks.data_disk(lun).touch()
    disks.make_data_disks([DataDisk(0, 32), DataDisk(3, 32)])
    first, third = disks.data_disk_views(None)
    assert (first.lun, third.lun) == (0, 3)
    assert first.marker != third.marker
    said = report("os-1")  # of lun 3 only: the other disk is lost
    assert [view.marker for view in disks.data_disk_views(said)] == ["", "m"]
    disks.make_data_disks([DataDisk(0, 32), DataDisk(3, 32)])
    assert disks.data_disk_views(None) == (first, third)


@pytest.mark.skipif(bool(programs.missing(["qemu-img"])), reason="qemu-img is not installed: apt install qemu-utils")
def test_a_disk_that_a_machine_may_run_from_is_never_replaced(disks: MachineDisks) -> None:
    """Two threads make the same disk: the first one's step was cut off, and it goes on all the same."""
    makers = [threading.Thread(target=disks.make_data_disks, args=([DataDisk(0, 1)],)) for _ in range(8)]
    seen = set[tuple[int, str]]()
    for maker in makers:
        maker.start()
    while any(maker.is_alive() for maker in makers):
        if disks.data_disk(0).exists():
            seen.add((disks.data_disk(0).stat().st_ino, disks.markers()[0]))
    assert len(seen) <= 1
    assert [path.name for path in sorted(disks.folder.glob("*data*"))] == ["data-0.marker", "data-0.qcow2"]


def test_an_os_disk_is_named_after_its_operation() -> None:
    assert os_disk_of("ab12-34") == "os-ab12-34"
    assert "/" not in os_disk_of("../a")
    assert os_disk_of("../a") != os_disk_of("../b")


def add(disks: MachineDisks, os_disk: str) -> None:
    image = b"/images/p/o/s/1.0/disk.qcow2"
    disks.path(os_disk).write_bytes(struct.pack(">4sIQI", b"QFI\xfb", 3, 64, len(image)).ljust(64, b"\0") + image)
    disks.seed(os_disk).write_bytes(b"")


def swap(disks: MachineDisks, new: str) -> None:
    add(disks, new)
    disks.switch_to_new(new)
    disks.switch_to_new(new)  # after a kill it is done again


def report(os_disk: str) -> GuestStatus:
    status = parse(json.dumps({**REPORT, "osDisk": os_disk}))
    assert status
    return status


def all_of(disks: MachineDisks) -> set[str]:
    return {path.stem for path in disks.folder.glob("os-*")}
