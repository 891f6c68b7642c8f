"""Extensions of a machine that is up, as far as its guest tells. QEMU and the guest agent are sockets of this test's own."""

import asyncio
import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.providers.contract import extend
from tests.providers.hosts.test_guest_status import REPORT
from tests.providers.hosts.virtual_machines.stand_in import qemu_process
from upgrades.providers.base import Extension, MachineProfile, ScaleSetReference
from upgrades.providers.hosts.driver import Ended, Waiting
from upgrades.providers.hosts.image_store import ImageStore
from upgrades.providers.hosts.virtual_machines import processes
from upgrades.providers.hosts.virtual_machines.accelerator import Accelerator
from upgrades.providers.hosts.virtual_machines.booting import Booting
from upgrades.providers.hosts.virtual_machines.operations import SLACK_SECONDS, Operations
from upgrades.providers.hosts.virtual_machines.settings import MachineSettings
from upgrades.providers.qemu.driver import QemuDriver
from upgrades.providers.qemu.launch import listening
from upgrades.providers.qemu.machine import Machine
from upgrades.providers.qemu.settings import read_settings

SET = ScaleSetReference("rg/set")
PROFILE = MachineProfile(extensions=(Extension("first"), Extension("second")))
OPERATION = extend(SET, "0", PROFILE)
EXTENSION_SECONDS = 100
LIMIT = len(PROFILE.extensions) * EXTENSION_SECONDS + SLACK_SECONDS
Answers = Mapping[str, Any]


@pytest.fixture
def settings(tmp_path: Path) -> MachineSettings:
    return read_settings(tmp_path, {"extension_seconds": EXTENSION_SECONDS})


@pytest.fixture
def machine(settings: MachineSettings) -> Iterator[Machine]:
    machine = Machine(settings, SET.key, "0")
    machine.make_folder()
    with qemu_process(machine.uuid):
        yield machine


@pytest.mark.parametrize("work", ["", f"{OPERATION.id} running"], ids=["cannot be started", "never ends"])
def test_work_that_does_not_end_is_given_up(settings: MachineSettings, machine: Machine, work: str) -> None:
    memory = {"running": processes.uptime() - LIMIT + 30}
    assert isinstance(step(settings, machine, work, memory), Waiting)
    memory["running"] = processes.uptime() - LIMIT - 1
    ended = step(settings, machine, work, memory)
    assert isinstance(ended, Ended)
    message = "The extensions of instance '0' did not end in 260 s."
    assert (ended.code, ended.message) == ("VMExtensionProvisioningTimeout", message)


def test_the_time_begins_with_the_work(settings: MachineSettings, machine: Machine) -> None:
    memory = dict[str, float]()
    before = processes.uptime()
    assert isinstance(step(settings, machine, "", memory), Waiting)
    assert before <= memory["running"] <= processes.uptime()
    assert step(settings, machine, f"{OPERATION.id} done", memory) == Ended()


def step(settings: MachineSettings, machine: Machine, work: str, memory: dict[str, float]) -> Waiting | Ended:
    """One step on a machine whose guest says that it is at `work`."""
    report = base64.b64encode(json.dumps({**REPORT, "work": work}).encode()).decode()
    qemu = {
        "qmp_capabilities": {},
        "human-monitor-command": "",
        "query-chardev": [{"label": "agent", "frontend-open": True}],
    }
    agent = {"guest-file-open": 1, "guest-file-read": {"buf-b64": report}, "guest-file-close": {}, "guest-exec": {}}

    async def story() -> Waiting | Ended:
        talks = list[asyncio.Task[None]]()
        async with AsyncExitStack() as servers:
            for socket, greeting, answers in (("qmp", b"{}\n", qemu), ("agent", b"", agent)):
                serve = answering(greeting, answers, talks)
                server = await asyncio.start_unix_server(serve, sock=listening(machine.folder, socket))
                await servers.enter_async_context(server)
            driver = QemuDriver(settings.folder, {})
            booting = Booting(settings, Accelerator(settings, driver.test_boot), driver.machine)
            operations = Operations(settings, ImageStore(settings.images), booting)
            result = await operations.extend(machine, OPERATION, memory)
        await asyncio.gather(*talks)
        return result

    return asyncio.run(story())


def answering(
    greeting: bytes, answers: Answers, talks: "list[asyncio.Task[None]]"
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
    """`talks`: gets each conversation."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        with suppress(ConnectionError):
            while line := await reader.readline():
                asked = json.loads(line.lstrip(b"\xff"))
                is_sync = asked["execute"] == "guest-sync-delimited"
                answer = asked["arguments"]["id"] if is_sync else answers[asked["execute"]]
                writer.write((b"\xff" if is_sync else b"") + json.dumps({"return": answer}).encode() + b"\n")
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    return lambda reader, writer: talks.append(asyncio.create_task(talk(reader, writer)))
