"""Starts `manage.py up` as an operator does: a process, a state folder of its own, free ports."""

import fcntl
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import psutil
import pytest
from django.test import override_settings

from dashboard import static_files
from dashboard.environment import CHECKOUT, SERVERS, home
from dashboard.supervisor import preflight
from dashboard.supervisor.problems import CannotStart
from tests.waiting import wait_until

PATIENCE = 30
FORKED = "rollgrid-"  # the names of forked processes begin so, and have 15 characters at most
# The web server on which tests run that do not choose one.
SERVER = os.environ.get("ROLLGRID_SERVER") or SERVERS[0]
PORTS = (10_000, 20_000)  # from 20,000 on the simulator's machines listen


def free_port() -> int:
    """Free, and not of those that the kernel gives to whoever asks for any: another test could be given it before it is used."""
    while True:
        port = random.SystemRandom().randrange(*PORTS)
        with closing(socket.socket()) as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def need(server: str) -> None:
    """Skips the test where this web server is not installed; in CI it fails."""
    try:
        preflight.installed(server)
    except CannotStart as problem:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up(str(problem))


def environment(home: Path, **more: str) -> dict[str, str]:
    """Ours, without what would lead `up` to another database, broker or state folder."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ROLLGRID_") and name not in {"DATABASE_URL", "REDIS_URL"}
    }
    return {**kept, "ROLLGRID_HOME": str(home), **more}


@cache
def collected() -> Path:
    """The files of the pages, collected once for all state folders of the tests: that takes a second each."""
    folder = home() / "collected" / "static"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock, override_settings(STATIC_ROOT=folder):
        fcntl.flock(lock, fcntl.LOCK_EX)  # several runs of the tests may start at once
        static_files.collect()
    return folder


@dataclass
class Up:
    """One `up`. `without` names the programs that are left out; `server` is its web server."""

    home: Path
    without: str = "prober,simulator"
    more: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    server: str = SERVER
    http_port: int = field(default_factory=free_port)
    https_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        ports = ("--http-port", str(self.http_port), "--https-port", str(self.https_port))
        self.log = self.home.with_name(f"{self.home.name}.log")
        self.command = [sys.executable, "-m", "tests.supervisor.some_up", self.without, *ports, *self.options]
        self.family: dict[int, psutil.Process] = {}
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (self.home / "static").exists():
            (self.home / "static").symlink_to(collected())
        self.start()

    def start(self) -> None:
        """Starts it; once more where it has ended, on the same state folder and the same ports."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.home.parent,  # `up` may be called from anywhere
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    def environment(self) -> dict[str, str]:
        return environment(self.home, PYTHONPATH=str(CHECKOUT), **{"ROLLGRID_SERVER": self.server, **self.more})

    def ready(self) -> str:
        """Waits for the line that says so."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("ready "), self.said()
        self.children()
        return line.strip()

    def said(self) -> str:
        return self.log.read_text()

    def ask(self, path: str) -> tuple[int, str]:
        """Status and body; 0 where nobody answers."""
        try:
            with urlopen(f"http://127.0.0.1:{self.http_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode()
        except (URLError, OSError):
            return 0, ""

    def is_ready(self) -> bool:
        """The server can serve, and a worker works."""
        status, body = self.ask("/readyz")
        return status == 200 and "worker" not in json.loads(body)["engine"]["away"]

    def wait_until_ready(self) -> None:
        wait_until(self.is_ready, seconds=PATIENCE, what="ready again")

    def secured(self) -> ssl.SSLSocket:
        """A connection to the https port by a client that knows the CA."""
        context = ssl.create_default_context(cafile=self.home / "tls" / "ca.pem")
        return context.wrap_socket(
            socket.create_connection(("127.0.0.1", self.https_port), timeout=5), server_hostname="127.0.0.1"
        )

    def children(self) -> dict[str, psutil.Process]:
        """What runs now, by name. Remembers all that were ever seen."""
        found = {}
        for process in psutil.Process(self.process.pid).children(recursive=True):
            self.family[process.pid] = process
            if name := _name(process):
                found[name] = process
        return found

    def kill(self, name: str) -> psutil.Process:
        """kill -9 of that child; answers the one that takes its place."""
        old = self.children()[name]
        old.kill()
        wait_until(lambda: self.children().get(name, old).pid != old.pid, seconds=PATIENCE, what=f"another {name}")
        return self.children()[name]

    def orphans(self) -> list[psutil.Process]:
        """Processes of this `up` that still live."""
        return [process for process in self.family.values() if _lives(process)]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends the signal, waits for the exit code, and for every process to be gone."""
        if self.process.poll() is None:
            self.children()
            self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()
        wait_until(lambda: not self.orphans(), seconds=5, what="no orphans")
        return code

    def clean_up(self) -> None:
        """Whatever the test did, nothing of it stays."""
        if self.process.poll() is None:
            self.children()
            self.process.kill()
        self.end()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _name(process: psutil.Process) -> str | None:
    """Which of the programs it is: forked ones bear its name, others have it on their command line."""
    marks: dict[str, Callable[[list[str]], Any]] = {
        "broker": lambda words: "valkey-server" in words[0] or "redis-server" in words[0],
        "daphne": lambda words: "dashboard.server" in words,
        "uvicorn": lambda words: "dashboard.uvicorn_server" in words,
        **{name: partial(_has, name) for name in ("worker", "beat", "prepare", "prober", "simulator")},
    }
    try:
        name, words = process.name(), process.cmdline()
    except psutil.Error:
        return None
    if name.startswith(FORKED):
        return next((program for program in marks if program.startswith(name.removeprefix(FORKED))), None)
    return next((name for name, is_it in marks.items() if words and is_it(words)), None)


def _has(word: str, words: list[str]) -> bool:
    return word in words
