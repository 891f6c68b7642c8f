"""Programs that keep a copy of the feed, one for each of our clients, in processes of their own."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from dashboard.environment import CHECKOUT

HERE = Path(__file__).parent
OPEN = "01"  # of a connection in /proc/net/tcp


class Program:
    """What it has printed, and its process."""

    def __init__(self, running: "subprocess.Popen[str]") -> None:
        self.process = psutil.Process(running.pid)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, args=[running])
        self._reader.start()

    def _read(self, running: "subprocess.Popen[str]") -> None:
        assert running.stdout
        for line in running.stdout:
            self.lines.append(line.strip())

    def last(self, of: str) -> str:
        """The last line of this scale set, or of the "feed"."""
        return next((line for line in reversed(self.lines) if line.startswith(f"{of} ")), "")

    def port(self) -> int:
        """The port of its socket; 0 as long as it has other connections, by which it fetched snapshots."""
        found = [here.laddr.port for here in self.process.net_connections("tcp") if here.raddr]
        return found[0] if len(found) == 1 else 0

    def join(self) -> None:
        self._reader.join()


def clients_of(server: int) -> set[int]:
    """The ports with which a server at this port has a connection, by its side: a client that is stopped hears of no end."""
    rows = [line.split()[1:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    at = f":{server:04X}"
    return {int(remote.rpartition(":")[2], 16) for local, remote, state in rows if local.endswith(at) and state == OPEN}


def python_words(*words: str) -> list[str]:
    return [sys.executable, "-m", "rollgrid_feed", *words]


def node_words(*words: str) -> list[str]:
    node = shutil.which("node")
    assert node, "Node is not installed (Debian: apt install nodejs)"
    return [node, "--no-warnings", str(HERE / "feed_copy.mjs"), *words]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(CHECKOUT / "clients" / "python"), **more}


@contextmanager
def program(words: list[str], **more: str) -> Iterator[Program]:
    """Ends it afterwards, also where it is stopped."""
    with subprocess.Popen(words, env=environment(**more), text=True, stdout=subprocess.PIPE) as running:
        told = Program(running)
        try:
            yield told
        finally:
            running.kill()
            told.join()
