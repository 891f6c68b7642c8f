"""One virtual machine of this host: its folder, its QEMU process, and what its guest says. Each provider starts and asks it in its way."""

import asyncio
import json
import os
import shutil
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import NAMESPACE_URL, uuid4, uuid5

from upgrades import atomic_files
from upgrades.core.states import Power, Provisioning
from upgrades.providers.base import InstanceView, ProviderError
from upgrades.providers.hosts.disks import SUFFIX, MachineDisks, Places
from upgrades.providers.hosts.guest_status import GuestStatus
from upgrades.providers.hosts.image_store import ImageStore, path_part
from upgrades.providers.hosts.virtual_machines import processes
from upgrades.providers.hosts.virtual_machines.processes import Process, Runs
from upgrades.providers.hosts.virtual_machines.settings import MachineSettings

NOT_STARTED = "MachineNotStarted"  # the code of a ProviderError
ABOUT = "machine.json"
BOOTING = "booting"  # with the time of its start, until it has come up
CONSOLE, LAST_CONSOLE = "console.log", "console.last.log"
LAST_LINES = 5
MAX_CONSOLE = 4096


@dataclass(frozen=True, slots=True)
class Live:
    """What a running machine shows: where its ports are (user_network.py) or its address, and its guest's report.

    `is_cut_off`: the report will not be heard any more, whatever the guest does, until the machine is started again.
    """

    address: str
    report: GuestStatus | None
    is_cut_off: bool = False


@dataclass(frozen=True, slots=True)
class Drive:
    """`name` is the serial number by which the guest tells disks apart."""

    name: str
    path: Path
    format: str = "qcow2"
    is_read_only: bool = False


def folder_of(settings: MachineSettings, key: str, instance: str) -> Path:
    """Where the machine's files are. Raises ProviderError where a name cannot be a folder's."""
    group, _, name = key.partition("/")
    parts = ((group, "the resource group"), (name, "the scale set"), (instance, "the instance"))
    return settings.folder.joinpath(*(path_part(part, what) for part, what in parts))


def uuid_of(settings: MachineSettings, key: str, instance: str, kind: str = "") -> str:
    """The same at each time. `kind`: so that machines of several providers in one folder differ."""
    return str(uuid5(NAMESPACE_URL, f"{kind}{settings.folder}/{key}/{instance}"))


def noted_start(folder: Path) -> float | None:
    """When the machine in this folder was started, by `uptime`; None where it has come up since."""
    try:
        return min(float((folder / BOOTING).read_text()), processes.uptime())
    except (OSError, ValueError):
        return None


class VirtualMachine(ABC):
    """`key` is its scale set's. Its files are the truth; methods that are not `async` block for a moment."""

    folder_mode = 0o700

    def __init__(
        self,
        settings: MachineSettings,
        key: str,
        instance: str,
        *,
        kind: str = "",
        places: Places | None = None,
        runs: Runs = processes,
    ) -> None:
        """`kind`: as in `uuid_of`."""
        self._settings, self._runs = settings, runs
        self.folder, self.uuid = folder_of(settings, key, instance), uuid_of(settings, key, instance, kind)
        self.key, self.instance = key, instance
        self.deleted = settings.folder / ".deleted"  # folders of machines that are no more
        self.disks = MachineDisks(self.folder, places)
        self._booting, self._failed = self.folder / BOOTING, self.folder / "failed"

    @property
    def has_folder(self) -> bool:
        """Is there a folder of ours for it?"""
        return (self.folder / ABOUT).exists()

    @property
    def exists(self) -> bool:
        return self.has_folder

    @property
    def is_booting(self) -> bool:
        """Has it been started, and not come up since?"""
        return self._booting.exists()

    @property
    def started_at(self) -> float:
        """When it was started, if it has not come up since; otherwise now. By `uptime`."""
        noted = noted_start(self.folder)
        return processes.uptime() if noted is None else noted

    @property
    def has_failed(self) -> bool:
        """Did the last operation on it fail?"""
        return self._failed.exists()

    @property
    def runs_from(self) -> str:
        """The OS disk that it has while it runs; "" for: that which its disks say."""
        return ""

    async def process(self) -> Process | None:
        return await asyncio.to_thread(self._runs.find, self.uuid)

    # What each provider does in its way.

    async def read(self) -> None:
        """Look at it before anything is asked of it."""
        return

    @abstractmethod
    async def look(self) -> Live:
        """What it shows; nothing where it does not run, or does not answer."""

    @abstractmethod
    def start(self, accelerator: str) -> None:
        """Boot it from its OS disk. Raises ProviderError, not permanent, where it does not start."""

    @abstractmethod
    async def power_down(self) -> None:
        """Press its power button."""

    @abstractmethod
    async def quit(self) -> None:
        """As if its plug were pulled."""

    @abstractmethod
    async def change_extensions(self, id: str, archive: bytes) -> None: ...

    async def kill(self, process: Process) -> None:
        """End it where `quit` has not."""
        await asyncio.to_thread(processes.kill, process)

    def forget(self) -> None:
        """What is known of it outside of its folder."""
        return

    def stay_off(self) -> None:
        """It was switched off on request: nobody starts it when the host is restarted."""
        self.note_up()

    # Facts.

    async def view(self, store: ImageStore, process: Process | None) -> InstanceView | None:
        """None where there is no such machine."""
        live = await self.look() if process else Live("", None)
        try:
            return await asyncio.to_thread(self._view, store, process, live)
        except FileNotFoundError:  # it is deleted just now
            return None

    def drives(self, os_disk: str) -> list[Drive]:
        """With this OS disk, the first one, from which it boots."""
        data = [Drive(f"data-{lun}", self.disks.data_disk(lun)) for lun in self.disks.markers()]
        seed = Drive("seed", self.disks.seed(os_disk), "raw", is_read_only=True)
        return [Drive("os", self.disks.path(os_disk)), *data, seed]

    def disk_files(self) -> list[Path]:
        """All disks in its folder, the kept OS disk too."""
        return sorted(self.folder.glob(f"*{SUFFIX}"))

    def console_end(self) -> str:
        """The last lines of its console, for people."""
        try:
            with (self.folder / CONSOLE).open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - MAX_CONSOLE))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        plain = ("".join(c for c in line if c.isprintable()).strip() for line in lines)
        return "\n".join([line for line in plain if line][-LAST_LINES:])

    # Changes.

    def make_folder(self) -> None:
        """Raises ProviderError, permanent, where somebody else has one of that name."""
        self.folder.mkdir(mode=self.folder_mode, parents=True, exist_ok=True)
        if not self.has_folder and any(not path.name.startswith(".") for path in self.folder.iterdir()):
            message = f"Instance {self.instance} cannot be created: {self.folder} has other files; move them away."
            raise ProviderError("ForeignFolder", message, permanent=True)
        about = {"scaleSet": self.key, "instance": self.instance, "uuid": self.uuid}
        atomic_files.replace(self.folder / ABOUT, json.dumps(about).encode())

    def delete_folder(self) -> None:
        """With all that is in it, if it is ours; and what is left of those whose deletion was cut off.

        It is moved out of the way first: half a machine is never seen. Raises ProviderError, not permanent, where anything is left.
        """
        try:
            if self.has_folder:
                self.deleted.mkdir(mode=0o700, exist_ok=True)
                self.folder.rename(self.deleted / uuid4().hex)
            self.forget()
            for gone in self.deleted.glob("*"):
                shutil.rmtree(gone, onerror=_raise_unless_gone)
        except OSError as error:
            message = (
                f"Disks of a deleted machine are left in {self.deleted}: {error}; mend that, or delete them by hand."
            )
            raise ProviderError("FolderNotDeleted", message, permanent=False) from error

    def note_start(self) -> None:
        """Right before it is started."""
        self._booting.write_text(f"{processes.uptime()}")
        with suppress(FileNotFoundError):
            os.replace(self.folder / CONSOLE, self.folder / LAST_CONSOLE)

    def note_up(self) -> None:
        self._booting.unlink(missing_ok=True)

    def note_failure(self, why: str) -> None:
        """The last operation on it failed; "" for: it did not."""
        if why and self.has_folder:
            atomic_files.replace(self._failed, why.encode())
        elif not why:
            self._failed.unlink(missing_ok=True)

    def _view(self, store: ImageStore, process: Process | None, live: Live) -> InstanceView | None:
        os_disk = (process and self.runs_from) or self.disks.os_disk
        if not self.exists:
            return None
        if live.report:
            self.disks.note_report(live.report)
        is_of_this_disk = live.report is not None and live.report.os_disk == os_disk
        report = live.report if is_of_this_disk else self.disks.report(os_disk)
        image = self.disks.image_of(os_disk)
        power = self._power(process, live)
        is_half_made = process is None and self.has_failed and not self.disks.has_come_up(os_disk)
        return InstanceView(
            instance=self.instance,
            os_disk=os_disk,
            version=store.version_of(image) if image and not is_half_made else "",
            power=power,
            provisioning=self._provisioning(report),
            address=live.address if power is Power.RUNNING else "",
            data_disks=self.disks.data_disk_views(report),
            extensions=report.extension_views() if report else (),
            runs=report.runs(os_disk) if report else (),
            half_made=is_half_made,
            reported_version=report.os_version if report else "",
        )

    def _power(self, process: Process | None, live: Live) -> Power:
        if process is None:
            return Power.STOPPED
        return Power.STARTING if self.is_booting and not (live.report and live.report.is_up) else Power.RUNNING

    def _provisioning(self, report: GuestStatus | None) -> Provisioning:
        if self.has_failed:
            return Provisioning.FAILED
        return Provisioning.SUCCEEDED if report and report.is_up else Provisioning.CREATING


def _raise_unless_gone(_function: object, _path: str, raised: tuple[object, BaseException, object]) -> None:
    """Somebody else may delete the same."""
    if not isinstance(raised[1], FileNotFoundError):
        raise raised[1]
