"""Which accelerator machines run with. That /dev/kvm exists proves nothing: it is used only after a machine has booted with it."""

import asyncio
import fcntl
import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol
from uuid import NAMESPACE_URL, uuid5

from upgrades import atomic_files
from upgrades.providers.base import ProviderError
from upgrades.providers.hosts import programs
from upgrades.providers.hosts.virtual_machines import processes
from upgrades.providers.hosts.virtual_machines.machine import NOT_STARTED
from upgrades.providers.hosts.virtual_machines.processes import Runs
from upgrades.providers.hosts.virtual_machines.settings import MachineSettings

TEST_BOOT_SECONDS = 40


class TestBoot(Protocol):
    """Boots a machine with KVM, only to see whether it does. Methods that are not `async` block for a moment.

    `kind`: as a machine's (machine.py).
    """

    kind: str
    host: str  # another host is another question

    @property
    def runs(self) -> Runs: ...

    def is_offered(self) -> bool:
        """May KVM be used at all?"""

    def start(self, uuid: str, folder: Path, disk: Path) -> None:
        """Raises ProviderError NOT_STARTED where it does not start."""

    async def verdict(self, uuid: str, folder: Path) -> str | None:
        """Of a machine that runs. None: not yet. "": it has booted. Anything else says why it will not."""

    async def end(self, process: processes.Process) -> None: ...


def this_host() -> str:
    """With its kernel: a new one is a new question."""
    return f"{platform.node()} {platform.release()}"


class Accelerator:
    """Remembers its choice in the folder of machines, for this host with this kernel: delete .accelerator.json for a new test boot."""

    def __init__(self, settings: MachineSettings, boot: TestBoot) -> None:
        self._settings, self._boot = settings, boot
        self._file = settings.folder / ".accelerator.json"
        self._test_boot = settings.folder / ".test-boot"
        self._uuid = str(uuid5(NAMESPACE_URL, f"{boot.kind}{settings.folder}/.test-boot"))
        self._host = boot.host

    async def choose(self, image: Path) -> str | None:
        """The accelerator, kvm or tcg; None as long as a test boot with this image goes on: ask again in a second."""
        if self._settings.accelerator != "auto":
            return self._settings.accelerator
        if not await asyncio.to_thread(self._boot.is_offered):
            return "tcg"
        return self._remembered() or await self._try(image)

    def _remembered(self) -> str | None:
        with suppress(OSError, ValueError, KeyError):
            noted = json.loads(self._file.read_bytes())
            return str(noted["accelerator"]) if noted["host"] == self._host else None
        return None

    async def _try(self, image: Path) -> str | None:
        """One step of the test boot."""
        with self._locked() as is_ours:
            if not is_ours:
                return None
            process = await asyncio.to_thread(self._boot.runs.find, self._uuid)
            if process is None and not (self._test_boot / "begun").exists():
                return await asyncio.to_thread(self._begin, image)
            why = await self._verdict(process)
            if why is None:
                return None
            if process:
                await self._boot.end(process)
            return self._remember("tcg" if why else "kvm", why)

    def _begin(self, image: Path) -> str | None:
        try:
            disk = self._test_boot / "disk.qcow2"
            disk.unlink(missing_ok=True)
            programs.run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image, disk)
            self._boot.start(self._uuid, self._test_boot, disk)
        except ProviderError as error:
            if error.code != NOT_STARTED:
                raise
            return self._remember("tcg", error.message)
        (self._test_boot / "begun").touch()
        return None

    async def _verdict(self, process: processes.Process | None) -> str | None:
        """None: not yet. "": it boots. Anything else says why it does not."""
        if process is None:
            return "QEMU ended while it booted"
        if (why := await self._boot.verdict(self._uuid, self._test_boot)) is not None:
            return why
        return f"it did not boot in {TEST_BOOT_SECONDS} s" if process.age > TEST_BOOT_SECONDS else None

    def _remember(self, accelerator: str, why: str) -> str:
        note = {"host": self._host, "accelerator": accelerator, "why": why}
        atomic_files.replace(self._file, json.dumps(note).encode())
        (self._test_boot / "begun").unlink(missing_ok=True)
        return accelerator

    @contextmanager
    def _locked(self) -> Iterator[bool]:
        """Whether nobody else works at the test boot just now."""
        self._test_boot.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self._test_boot / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
