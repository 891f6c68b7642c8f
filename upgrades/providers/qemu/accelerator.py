"""Which accelerator machines run with. That /dev/kvm exists proves nothing: it is used only after a machine has booted with it."""

import asyncio
import fcntl
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from upgrades import atomic_files
from upgrades.providers.base import ProviderError
from upgrades.providers.hosts import programs
from upgrades.providers.qemu import processes
from upgrades.providers.qemu.launch import NOT_STARTED, PROGRAM, Drive, Launch, launch
from upgrades.providers.qemu.monitor import NoAnswer, monitor
from upgrades.providers.qemu.settings import QemuSettings

KVM = Path("/dev/kvm")
TEST_BOOT_SECONDS = 40


class Accelerator:
    """Remembers its choice in the folder of machines, for this host with this kernel: delete .accelerator.json for a new test boot."""

    def __init__(self, settings: QemuSettings) -> None:
        self._settings = settings
        self._file = settings.folder / ".accelerator.json"
        self._test_boot = settings.folder / ".test-boot"
        self._uuid = str(uuid5(NAMESPACE_URL, f"{settings.folder}/.test-boot"))
        self._host = f"{platform.node()} {platform.release()}"

    async def choose(self, image: Path) -> str | None:
        """The accelerator, kvm or tcg; None as long as a test boot with this image goes on: ask again in a second."""
        if self._settings.accelerator != "auto":
            return self._settings.accelerator
        if not os.access(KVM, os.R_OK | os.W_OK):
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
            process = await asyncio.to_thread(processes.find, self._uuid)
            if process is None and not (self._test_boot / "begun").exists():
                return await asyncio.to_thread(self._begin, image)
            why = await self._verdict(process)
            if why is None:
                return None
            if process:
                await asyncio.to_thread(processes.kill, process)
            return self._remember("tcg" if why else "kvm", why)

    def _begin(self, image: Path) -> str | None:
        try:
            disk = self._test_boot / "disk.qcow2"
            disk.unlink(missing_ok=True)
            programs.run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", image, disk)
            launch(self._settings, Launch(self._uuid, "test boot", self._test_boot, [Drive("os", disk)], "kvm"))
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
        with suppress(NoAnswer):
            async with monitor(self._test_boot) as ask:
                if any(port["label"] == "agent" and port["frontend-open"] for port in await ask("query-chardev", {})):
                    return ""
                if (status := (await ask("query-status", {}))["status"]) == "internal-error":
                    return f"QEMU stopped it: {status}"
        return f"it did not boot in {TEST_BOOT_SECONDS} s" if process.age > TEST_BOOT_SECONDS else None

    def _remember(self, accelerator: str, why: str) -> str:
        note = {"host": self._host, "accelerator": accelerator, "why": why, "program": PROGRAM}
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
