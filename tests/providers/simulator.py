"""A real simulator process for tests, and the eyes of a probe."""

import asyncio
import http.client
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from tests.providers.contract import done, play
from tests.waiting import wait_until
from upgrades.providers.base import InstanceView, Operation, Provider, ProviderError
from upgrades.providers.simulated.client import SimulatedProvider
from upgrades.providers.simulated.control import read_control

CHECKOUT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


class Simulator:
    """`manage.py simulator` on a state folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = home / "simulator.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process, "not started"
        return self._process.pid

    def start(self, *, before: Callable[[], None] | None = None) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, env=self.environment, cwd=CHECKOUT, stderr=log, preexec_fn=before
            )
        wait_until(self._is_ready, seconds=30, what=f"simulator, see {self.log}: ready")

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-W", "error", "manage.py", "simulator"]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"ROLLGRID_HOME": str(self.home)}

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """As the kernel does when memory is short: no chance to say anything."""
        self.signal(signal.SIGKILL)
        self._wait()

    def stop(self) -> int:
        if self._process is None:
            return 0
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        return self._wait()

    def play(self, story: Callable[[Provider], Coroutine[Any, Any, T]]) -> T:
        return play(self.provider, story)

    def provider(self) -> SimulatedProvider:
        return SimulatedProvider(self.home, {})

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Of its state on disk."""
        with closing(sqlite3.connect(self.state)) as database:
            return database.execute(query).fetchall()

    def change(self, statements: str) -> None:
        """In its state on disk."""
        with closing(sqlite3.connect(self.state)) as database:
            database.executescript(statements)

    @property
    def state(self) -> Path:
        return self.home / "simulator" / "state.sqlite3"

    def _wait(self) -> int:
        assert self._process
        code = self._process.wait(timeout=10)
        self._process = None
        return code

    def _is_ready(self) -> bool:
        assert self._process
        assert self._process.poll() is None, self.log.read_text()
        try:
            return read_control(self.home).pid == self.pid
        except ProviderError:
            return False


async def killed_now_and_then(simulator: Simulator, *, times: int) -> None:
    for kill in range(times):
        await asyncio.sleep(0.03 * (1 + kill))
        await asyncio.to_thread(simulator.kill)
        await asyncio.to_thread(simulator.start)


async def done_whatever_happens(provider: Provider, *operations: Operation) -> list[InstanceView]:
    """Asked for again and again, with the same ids, while the simulator is away now and then."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await done(provider, *operations)
            except ProviderError as error:
                assert (error.code, error.permanent) == ("SimulatorUnavailable", False)
                await asyncio.sleep(0.02)


def http_status(address: str, *, version: str = "HTTP/1.1", seconds: float = 5) -> int | None:
    """What an HTTP probe of the machine at "host:port" gets; None for no connection or no answer."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=seconds) as line:
            line.sendall(f"GET /any/path?at=all {version}\r\nHost: {host}\r\n\r\n".encode())
            response = http.client.HTTPResponse(line)
            with response:
                response.begin()
                assert response.read(), "a body is expected"
                assert response.getheader("Connection") == "close"
                return response.status
    except OSError:
        return None


def takes_tcp(address: str, *, seconds: float = 5) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=seconds):
            return True
    except OSError:
        return False


def is_taken(address: str) -> bool:
    """Whether somebody listens there: several simulators on one computer share its loopback addresses, and a free one is anybody's."""
    host, _, port = address.rpartition(":")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, int(port)))
        except OSError:
            return True
    return False
