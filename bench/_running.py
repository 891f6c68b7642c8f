"""A whole Rollgrid of a measurement's own: `manage.py up` in a temporary folder, with this process as one of its programs."""

import contextlib
import os
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Running:
    home: Path
    port: int
    up: int  # its process id

    def manage(self, *words: str) -> str:
        return subprocess.run(
            [sys.executable, ROOT / "manage.py", *words], check=True, capture_output=True, text=True
        ).stdout

    def pids(self) -> dict[int, str]:
        """The processes of this Rollgrid, each with the name of its program."""
        up = psutil.Process(self.up)
        return {process.pid: _program(process) for process in (up, *up.children(recursive=True))}

    def pid_of(self, program: str) -> int:
        return next(pid for pid, name in self.pids().items() if name == program)

    def cpu(self) -> float:
        """Seconds of CPU that all of them have used."""
        return sum(cpu_of(pid) for pid in self.pids())


def _program(process: psutil.Process) -> str:
    """Forked programs bear their name. The others have it on their command line."""
    if (name := process.name()).startswith("rollgrid-"):
        return name.removeprefix("rollgrid-")
    words = process.cmdline()
    return next((mark for mark in ("simulator", "up") if mark in words), "broker")


@contextlib.contextmanager
def rollgrid(database_url: str = "") -> Iterator[Running]:
    """Django in this process is set up for it. Without a URL the database is an SQLite of its own."""
    with tempfile.TemporaryDirectory(prefix="rollgrid-bench-") as folder:
        home, port = Path(folder) / "home", free_port()
        for name in [
            name for name in os.environ if name.startswith("ROLLGRID_") or name in ("DATABASE_URL", "REDIS_URL")
        ]:
            del os.environ[name]
        os.environ.update(ROLLGRID_HOME=str(home), DJANGO_SETTINGS_MODULE="dashboard.settings")
        if database_url:
            os.environ["DATABASE_URL"] = database_url
        raise_limit()
        with (Path(folder) / "log").open("wb") as log:
            command = [
                sys.executable,
                ROOT / "manage.py",
                "up",
                "--http-port",
                str(port),
                "--https-port",
                str(free_port()),
            ]
            up = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
            try:
                assert up.stdout is not None
                if not up.stdout.readline().startswith(b"ready "):
                    sys.exit(f"it did not start: {(Path(folder) / 'log').read_text()[-2000:]}")
                import django

                django.setup()
                yield Running(home, port, up.pid)
            finally:
                up.terminate()
                up.wait(30)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def raise_limit() -> None:
    """Each client is an open file, here and in the server, which inherits it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cpu_of(pid: int) -> float:
    """Seconds of CPU that this process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine() -> str:
    """What the figures are of."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    return f"{len(names)} x {names[0] if names else 'unknown'}, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f} before"
