"""Starts a machine's QEMU as a daemon, which outlives the worker that started it."""

import json
import os
import socket
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from upgrades.providers.base import ProviderError
from upgrades.providers.hosts import programs
from upgrades.providers.hosts.guest_agent import AGENT_PORT
from upgrades.providers.hosts.virtual_machines import user_network
from upgrades.providers.hosts.virtual_machines.machine import CONSOLE, NOT_STARTED, Drive
from upgrades.providers.hosts.virtual_machines.settings import MachineSettings

PROGRAM = "qemu-system-x86_64"
START_SECONDS = 20
ACCELERATORS = {"tcg": ("tcg,tb-size=32", "qemu64"), "kvm": ("kvm", "host")}


@dataclass(frozen=True, slots=True)
class Launch:
    """`folder`: where its sockets and its console's log are. The first drive is what it boots from. No ports: no network."""

    uuid: str
    name: str
    folder: Path
    drives: Sequence[Drive]
    accelerator: str
    ports: Sequence[int] = ()


def launch(settings: MachineSettings, what: Launch) -> None:
    """Raises ProviderError, not permanent, with QEMU's words where it does not start. Blocks."""
    with ExitStack() as sockets:
        monitor, agent = (sockets.enter_context(listening(what.folder, name)) for name in ("qmp", "agent"))
        command = [
            *(
                programs.find(PROGRAM),
                *_hardware(settings, what),
                *_disks(what.drives),
                *_network(settings, what.ports),
            ),
            *(
                "-chardev",
                f"socket,id=qmp,fd={monitor.fileno()},server=on,wait=off",
                "-mon",
                "chardev=qmp,mode=control",
            ),
            *("-chardev", f"socket,id=agent,fd={agent.fileno()},server=on,wait=off", "-device", "virtio-serial-pci"),
            *("-device", f"virtserialport,chardev=agent,name={AGENT_PORT}"),
            *("-chardev", f"file,id=console,path={_escaped(what.folder / CONSOLE)}", "-serial", "chardev:console"),
            "-daemonize",
        ]
        _run(command, (monitor.fileno(), agent.fileno()))


def _hardware(settings: MachineSettings, what: Launch) -> list[str]:
    accelerator, cpu = ACCELERATORS[what.accelerator]
    return [
        *("-name", _escaped(what.name), "-uuid", what.uuid, "-accel", accelerator, "-cpu", cpu),
        *("-machine", settings.machine, "-smp", str(settings.cpus), "-m", str(settings.memory_mb)),
        # Without a source of randomness, programs of a fresh guest wait for seconds.
        *("-nodefaults", "-no-user-config", "-display", "none", "-device", "virtio-rng-pci"),
    ]


def _disks(drives: Sequence[Drive]) -> list[str]:
    options = list[str]()
    for number, drive in enumerate(drives):
        node = {
            "driver": drive.format,
            "node-name": drive.name,
            "read-only": drive.is_read_only,
            "file": {"driver": "file", "filename": str(drive.path)},
        }
        boot = ",bootindex=1" if number == 0 else ""
        options += ["-blockdev", json.dumps(node)]
        options += ["-device", f"virtio-blk-pci,drive={drive.name},serial={drive.name}{boot}"]
    return options


def _network(settings: MachineSettings, ports: Sequence[int]) -> list[str]:
    if not ports:
        return []
    network = user_network.netdev(tuple(ports), is_open=settings.network_is_open)
    return ["-netdev", network, "-device", "virtio-net-pci,netdev=net0,romfile="]


def listening(folder: Path, name: str) -> socket.socket:
    """A socket in the folder, whose path may be longer than a socket's may be: QEMU gets the socket itself."""
    (folder / name).unlink(missing_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(f"/proc/self/fd/{handle}/{name}")
        listener.listen(16)
    except BaseException:
        listener.close()
        raise
    finally:
        os.close(handle)
    return listener


def _run(command: Sequence[str], handles: tuple[int, ...]) -> None:
    try:
        done = subprocess.run(
            command, pass_fds=handles, stdin=subprocess.DEVNULL, capture_output=True, timeout=START_SECONDS, cwd="/"
        )
    except subprocess.TimeoutExpired:
        raise ProviderError(NOT_STARTED, f"QEMU did not start in {START_SECONDS} s", permanent=False) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()[-500:]
        raise ProviderError(NOT_STARTED, f"QEMU did not start: {said}", permanent=False)


def _escaped(value: object) -> str:
    return str(value).replace(",", ",,")
