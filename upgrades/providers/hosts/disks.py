"""The disks of one machine, in its folder. The files and links are the truth; every method can be repeated after a kill at any line.

    os-<operation>.qcow2   an OS disk: an overlay on a read-only image version, one for each CREATE and REIMAGE
    os-<operation>.iso     its seed (seed.py)
    os-<operation>.json    the last report of the guest that ran on it (guest_status.py)
    os -> os-....qcow2     the OS disk that the machine has
    was -> os-....qcow2    while disks are swapped: the one that it had before
    kept -> os-....qcow2   the one that RESTORE puts back
    data-<lun>.qcow2       a data disk, never touched by a swap; data-<lun>.marker: the text that was written into it

A link is replaced by renaming a new one: it shows the old disk or the new one.
"""

import os
import re
import shutil
import struct
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from upgrades import atomic_files
from upgrades.providers.base import DataDisk, DataDiskView, ProviderError
from upgrades.providers.hosts import programs
from upgrades.providers.hosts.guest_status import GuestStatus, parse

SUFFIX = ".qcow2"
ID = re.compile(r"[A-Za-z0-9-]{1,100}\Z")
QCOW2_HEADER = struct.Struct(">4sIQI")  # magic, version, where the path of the backing file is, how long it is


def os_disk_of(operation_id: str) -> str:
    """The id of the OS disk that an operation makes."""
    is_plain = ID.match(operation_id)
    return f"os-{operation_id if is_plain else sha256(operation_id.encode()).hexdigest()}"


def backing_file(disk: Path) -> Path | None:
    """The file that a qcow2 disk lies on, as it says itself; None for none, and for what is no such disk."""
    try:
        with disk.open("rb") as file:
            magic, _, at, length = QCOW2_HEADER.unpack(file.read(QCOW2_HEADER.size))
            file.seek(at)
            return Path(os.fsdecode(file.read(length))) if magic == b"QFI\xfb" and at else None
    except (OSError, struct.error):
        return None


class Places(Protocol):
    """Which OS disk is where: in `os` the one that the machine has, `was` and `kept`."""

    def get(self, place: str) -> str:
        """The id of the OS disk there; "" for none."""

    def put(self, disks: Mapping[str, str]) -> None:
        """{place: OS disk}, in this order; "" empties the place. Whoever looks meanwhile sees each place old or new."""


class Links:
    """Places that are links in the machine's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, place: str) -> str:
        try:
            return os.readlink(self._folder / place).removesuffix(SUFFIX)
        except FileNotFoundError:
            return ""

    def put(self, disks: Mapping[str, str]) -> None:
        for place, os_disk in disks.items():
            if os_disk:
                draft = _draft(self._folder, place)
                draft.symlink_to(f"{os_disk}{SUFFIX}")
                os.replace(draft, self._folder / place)
            else:
                (self._folder / place).unlink(missing_ok=True)
            _sync(self._folder)


class MachineDisks:
    """All methods block for a moment: threads only. `os_disk`, `was` and `kept` are ids of OS disks, "" for none."""

    def __init__(self, folder: Path, places: Places | None = None) -> None:
        self.folder = folder
        self._places = places or Links(folder)

    @property
    def os_disk(self) -> str:
        return self._places.get("os")

    @property
    def was(self) -> str:
        """The disk before, while a swap is open; "" once the machine is back on it."""
        was = self._places.get("was")
        return "" if was == self.os_disk else was

    @property
    def kept(self) -> str:
        return self._places.get("kept")

    def path(self, os_disk: str) -> Path:
        return self.folder / f"{os_disk}{SUFFIX}"

    def seed(self, os_disk: str) -> Path:
        return self.folder / f"{os_disk}.iso"

    def image_of(self, os_disk: str) -> Path | None:
        """The disk of the image version that an OS disk lies on, as its own file says."""
        return backing_file(self.path(os_disk))

    def report(self, os_disk: str) -> GuestStatus | None:
        """The last one of the guest on this disk."""
        try:
            return parse((self.folder / f"{os_disk}.json").read_bytes())
        except OSError:
            return None

    def has_come_up(self, os_disk: str) -> bool:
        """Has the machine ever booted from it, with custom data and extensions run?"""
        report = self.report(os_disk)
        return report is not None and report.is_up

    def note_report(self, report: GuestStatus) -> None:
        """Under the disk that the guest says it is on: the machine may have got another one since it was asked."""
        if report.os_disk in (self.os_disk, self.was) and self.report(report.os_disk) != report:
            atomic_files.replace(self.folder / f"{report.os_disk}.json", report.text.encode())

    # Making disks.

    def make_os_disk(self, os_disk: str, image: Path) -> None:
        """Raises ProviderError, permanent, where it cannot be made."""
        if not self.path(os_disk).exists():
            self._make(self.path(os_disk), "-F", "qcow2", "-b", image)

    def make_data_disks(self, disks: Sequence[DataDisk]) -> None:
        for disk in disks:
            marker, path = self.folder / f"data-{disk.lun}.marker", self.data_disk(disk.lun)
            if not marker.exists():
                atomic_files.create(marker, f"{uuid4()}".encode())
            if not path.exists():
                self._make(path, size=f"{disk.size_gb}G")

    def data_disk(self, lun: int) -> Path:
        return self.folder / f"data-{lun}{SUFFIX}"

    def markers(self) -> dict[int, str]:
        """What was to be written into the data disks, by lun."""
        found = {int(path.stem.removeprefix("data-")): path.read_text() for path in self.folder.glob("data-*.marker")}
        return dict(sorted(found.items()))

    def data_disk_views(self, report: GuestStatus | None) -> tuple[DataDiskView, ...]:
        """The markers are those that the guest found on the disks; as long as it said nothing, what is to be written into them."""
        return tuple(
            DataDiskView(lun, f"data-{lun}-{marker[:8]}", report.data_disks.get(lun, "") if report else marker)
            for lun, marker in self.markers().items()
        )

    # Swapping disks.

    def switch_to_new(self, os_disk: str) -> None:
        """The machine, which is off, gets a new OS disk; `was` is the one that it had, and boots from if the new one is no good."""
        taken_off = self.os_disk
        if taken_off == os_disk:
            return
        was = {"was": taken_off} if self._is_last_good(taken_off, self.was) else {}
        self._places.put({**was, "os": os_disk})

    def switch_back_to(self, os_disk: str) -> None:
        """The machine, which is off, gets the kept disk, or that which an unfinished swap replaced.

        `was` is the one taken off; or still that of an unfinished swap, if that swap's disk is no good and its old one is not put in.
        """
        taken_off = self.os_disk
        if taken_off == os_disk:
            return
        was = self.was
        kept = {"kept": os_disk} if os_disk == was else {}
        before = {"was": taken_off} if os_disk == was or self._is_last_good(taken_off, was) else {}
        self._places.put({**kept, **before, "os": os_disk})

    def put_back(self) -> None:
        """Undo a switch: the machine, which is off, has the disk again that it had."""
        if was := self.was:
            self._places.put({"os": was})

    def keep_replaced(self) -> None:
        """A new disk is good: the replaced one is kept, and others go."""
        if was := self.was:  # asked once: a step that was cut off may end the swap meanwhile
            self._places.put({"kept": was})
        self.forget_swap()

    def drop_taken_off(self) -> None:
        """A disk that was put back is good: nothing is kept any more, and others go."""
        if self.kept == self.os_disk:
            self._places.put({"kept": ""})
        self.forget_swap()

    def forget_swap(self) -> None:
        """OS disks that are neither present nor kept are deleted."""
        self._places.put({"was": ""})
        stay = {self.os_disk, self.kept}
        drafts = [*self.folder.glob(".*.new"), *self.folder.glob(".seed.*")]  # of steps that were cut off
        for path in [path for path in self.folder.glob("os-*") if path.stem not in stay] + drafts:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def start_with(self, os_disk: str) -> None:
        """The first OS disk of a machine."""
        self._places.put({"os": os_disk})

    def _is_last_good(self, os_disk: str, was: str) -> bool:
        """Is it the present disk to which the machine goes back, and not `was`?

        `was` is there if nobody went on with an earlier swap, whose disk is good only if it has come up since.
        """
        return not was or self.has_come_up(os_disk)

    def _make(self, path: Path, *options: str | Path, size: str = "") -> None:
        draft = _draft(self.folder, path.name)
        try:
            programs.run("qemu-img", "create", "-q", "-f", "qcow2", *options, draft, *([size] if size else []))
        except ProviderError as error:
            permanent = error.code == "ProgramFailed"
            raise ProviderError("DiskNotMade", error.message, permanent=permanent) from error
        draft.chmod(0o600)  # others may be able to enter the folder
        _sync(draft)
        # A machine may run from a disk of this name by now, if this is the thread of a step that was cut off.
        atomic_files.place(draft, path)


def _draft(folder: Path, name: str) -> Path:
    """Of its own: a step that was cut off may still be at work in a thread."""
    return folder / f".{name}.{uuid4().hex}.new"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
