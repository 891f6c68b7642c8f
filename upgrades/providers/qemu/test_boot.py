"""The test boot by which it is found out whether QEMU boots machines with KVM."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path

from upgrades.providers.hosts.virtual_machines import processes
from upgrades.providers.hosts.virtual_machines.accelerator import this_host
from upgrades.providers.hosts.virtual_machines.machine import Drive
from upgrades.providers.hosts.virtual_machines.processes import Runs
from upgrades.providers.hosts.virtual_machines.settings import MachineSettings
from upgrades.providers.qemu.launch import Launch, launch
from upgrades.providers.qemu.monitor import NoAnswer, monitor

KVM = Path("/dev/kvm")


class QemuTestBoot:
    kind = ""

    def __init__(self, settings: MachineSettings) -> None:
        self._settings = settings
        self.host = this_host()

    @property
    def runs(self) -> Runs:
        return processes

    def is_offered(self) -> bool:
        return os.access(KVM, os.R_OK | os.W_OK)

    def start(self, uuid: str, folder: Path, disk: Path) -> None:
        launch(self._settings, Launch(uuid, "test boot", folder, [Drive("os", disk)], "kvm"))

    async def verdict(self, uuid: str, folder: Path) -> str | None:
        with suppress(NoAnswer):
            async with monitor(folder) as ask:
                if any(port["label"] == "agent" and port["frontend-open"] for port in await ask("query-chardev", {})):
                    return ""
                if (status := (await ask("query-status", {}))["status"]) == "internal-error":
                    return f"QEMU stopped it: {status}"
        return None

    async def end(self, process: processes.Process) -> None:
        await asyncio.to_thread(processes.kill, process)
