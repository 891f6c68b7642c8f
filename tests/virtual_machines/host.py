"""A folder of real virtual machines for tests, and the eyes of a probe."""

import http.client
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from tests.waiting import wait_until
from upgrades.core.facts import ImageReference
from upgrades.providers.base import Operation, Provider, ScaleSetReference
from upgrades.providers.checks.site import Site, play
from upgrades.providers.hosts.virtual_machines import processes
from upgrades.providers.hosts.virtual_machines.machine import ABOUT
from upgrades.providers.qemu.machine import Machine
from upgrades.providers.qemu.provider import QemuProvider
from upgrades.providers.qemu.settings import read_settings

Answer = TypeVar("Answer")
IMAGE = ImageReference("Rollgrid", "Guest", "tiny", "")
OLD, NEW, NEWER, SICK, DEAD, WRONG = "1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0"
FLAVOURS = {OLD: "good", NEW: "good", NEWER: "good", SICK: "sick", DEAD: "dead", WRONG: "wrong"}
BOOT_SECONDS = 180  # five on a quiet host, more than sixty on a busy one
SET = ScaleSetReference("tests/machines")


@dataclass(frozen=True)
class Host:
    """`given`: the location's settings."""

    folder: Path
    given: Mapping[str, object]

    def but(self, **settings: object) -> "Host":
        return replace(self, given={**self.given, **settings})

    def provider(self) -> QemuProvider:
        return QemuProvider(self.folder, self.given)

    def play(self, story: Callable[[Provider], Coroutine[Any, Any, Answer]]) -> Answer:
        return play(self.provider, story)

    def site(self, scale_set: ScaleSetReference = SET) -> Site:
        return Site(scale_set, self.provider, IMAGE, (OLD, NEW, NEWER), operation_seconds=4 * BOOT_SECONDS)

    def machine(self, instance: str, scale_set: ScaleSetReference = SET) -> Machine:
        return Machine(read_settings(self.folder, self.given), scale_set.key, instance)

    def process(self, instance: str) -> processes.Process | None:
        return processes.find(self.machine(instance).uuid)

    def end_all(self) -> None:
        """Whatever a test left running in this folder, and nothing else."""
        ours = {json.loads(path.read_text())["uuid"] for path in self.folder.rglob(ABOUT)}
        for uuid, process in processes.running().items():
            if uuid in ours:
                processes.kill(process)
        wait_until(lambda: not ours & processes.running().keys(), seconds=30)


def health(provider: Provider, address: str) -> tuple[int, dict[str, Any]]:
    """(status, the guest's report) of its health page."""
    line = http.client.HTTPConnection(*provider.endpoint(address, 80), timeout=60)
    try:
        line.request("GET", "/cgi-bin/healthz")
        with line.getresponse() as response:
            return response.status, json.loads(response.read())
    finally:
        line.close()


def begun(operation: Operation) -> Callable[[Provider], Coroutine[Any, Any, None]]:
    async def story(provider: Provider) -> None:
        assert await provider.begin([operation]) == {}

    return story
