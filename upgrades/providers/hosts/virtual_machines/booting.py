"""Boots a machine and switches it off, step by step. Not too many boot at the same time: on a busy host all of them would be late."""

import asyncio
import fcntl
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from upgrades.providers.base import ProviderError
from upgrades.providers.hosts.driver import Waiting
from upgrades.providers.hosts.virtual_machines import processes
from upgrades.providers.hosts.virtual_machines.accelerator import Accelerator
from upgrades.providers.hosts.virtual_machines.machine import BOOTING, VirtualMachine
from upgrades.providers.hosts.virtual_machines.processes import Runs
from upgrades.providers.hosts.virtual_machines.settings import MachineSettings

MAX_STARTS = 3  # of one operation: a machine that ends while it boots is started again
KILL_SECONDS = 3  # how long QEMU has to end itself
PRESS_SECONDS = 5  # a guest that was not ready for its power button gets another press
ASK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class DidNotBoot:
    why: str


class Booting:
    """`memory` is the operation's (driver.py): how often the machine was started, since when it is being stopped."""

    def __init__(
        self,
        settings: MachineSettings,
        accelerator: Accelerator,
        machine: Callable[[str, str], VirtualMachine],
        runs: Runs = processes,
    ) -> None:
        """`machine`: the one of a scale set's key and an instance."""
        self._settings, self._accelerator, self._machine, self._runs = settings, accelerator, machine, runs

    async def boot(self, machine: VirtualMachine, memory: MutableMapping[str, Any]) -> Waiting | DidNotBoot | None:
        """One step towards a machine that is up on its OS disk; None when it is."""
        process = await machine.process()
        if process is None:
            return await self._start(machine, memory)
        if machine.runs_from not in (
            "",
            machine.disks.os_disk,
        ):  # somebody else started it before its disks were swapped
            return await self.stop(machine, memory)
        live = await machine.look()
        report = live.report
        if live.is_cut_off:
            return await self.stop(machine, memory, at_once=True)
        if report and report.is_up and report.os_disk == machine.disks.os_disk:
            await asyncio.to_thread(machine.disks.note_report, report)
            machine.note_up()
            return None
        if process.age > self._settings.boot_seconds:
            return DidNotBoot(f"it did not come up in {self._settings.boot_seconds:g} s")
        return Waiting(ASK_SECONDS, "the machine boots")

    async def stop(
        self, machine: VirtualMachine, memory: MutableMapping[str, Any], *, at_once: bool = False
    ) -> Waiting | None:
        """One step towards a machine that is off; None when it is. Its OS may end in peace, if it is up and not `at_once`."""
        process = await machine.process()
        if process is None:
            memory.pop("stopping", None)
            return None
        stopping = memory.setdefault("stopping", {"since": processes.uptime(), "pressed": 0.0})
        grace = 0 if at_once or not await self._is_up(machine) else self._settings.stop_seconds
        waited = processes.uptime() - stopping["since"]
        if not 0 <= waited < grace + KILL_SECONDS:  # below 0: noted before the host booted
            await machine.kill(process)
        elif waited >= grace:
            await machine.quit()
        elif processes.uptime() - stopping["pressed"] > PRESS_SECONDS:
            stopping["pressed"] = processes.uptime()
            await machine.power_down()
        return Waiting(0.1, "the machine stops")

    async def _is_up(self, machine: VirtualMachine) -> bool:
        if not machine.is_booting:
            return True
        report = (await machine.look()).report
        return report is not None and report.is_up

    async def _start(self, machine: VirtualMachine, memory: MutableMapping[str, Any]) -> Waiting | DidNotBoot:
        if memory.get("starts", 0) >= MAX_STARTS:
            return DidNotBoot(
                f"it was started {MAX_STARTS} times and ended each time; {memory.get('error', '')}".strip("; ")
            )
        image = machine.disks.image_of(machine.disks.os_disk)
        accelerator = await self._accelerator.choose(image) if image else "tcg"
        if accelerator is None:
            return Waiting(1, "a test boot shows whether machines boot with KVM")
        return await asyncio.to_thread(self._start_if_free, machine, memory, accelerator)

    def _start_if_free(self, machine: VirtualMachine, memory: MutableMapping[str, Any], accelerator: str) -> Waiting:
        with self._starting() as is_ours:
            if not is_ours or self._are_booting() >= self._settings.starting_at_once:
                return Waiting(ASK_SECONDS, "other machines of this host are booting")
            if self._runs.find(machine.uuid):  # of a step that was cut off
                return Waiting(0, "the machine boots")
            memory["starts"] = memory.get("starts", 0) + 1
            try:
                machine.start(accelerator)
            except ProviderError as error:
                memory["error"] = error.message
        return Waiting(ASK_SECONDS, "the machine boots")

    def _are_booting(self) -> int:
        alive = self._runs.running()
        count = 0
        for mark in self._settings.folder.glob(f"*/*/*/{BOOTING}"):
            group, name, instance = mark.parts[-4:-1]
            process = alive.get(self._machine(f"{group}/{name}", instance).uuid)
            count += process is not None and process.age < self._settings.boot_seconds
        return count

    @contextmanager
    def _starting(self) -> Iterator[bool]:
        """Whether nobody else starts a machine just now."""
        with (self._settings.folder / ".starting").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
