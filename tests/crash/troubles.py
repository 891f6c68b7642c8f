"""What else happens to a running Rollgrid: processes that halt, a database that is away, a disk that is full."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
from django.db import OperationalError, connections, transaction

from dashboard.environment import CHECKOUT
from dashboard.supervisor.lifeline import tie
from dashboard.supervisor.programs import CELERY
from tests.end_to_end.installation import LIVE, Installation
from tests.supervisor.starting import environment
from tests.waiting import wait_until
from upgrades.installation import WORKER_COMMAND
from upgrades.models import ScaleSet

BLOCK = 64 * 1024


def for_so_long(seconds: float) -> None:
    """An outage lasts; nothing tells when it has lasted long enough but time itself."""
    threading.Event().wait(seconds)


@contextmanager
def halted(process: psutil.Process) -> Iterator[None]:
    """SIGSTOP, and SIGCONT afterwards whatever happens."""
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGCONT)


@contextmanager
def asleep(process: psutil.Process) -> Iterator[None]:
    """Halted, but not in the middle of a transaction: with its locks all other writers would be halted too, which is another story."""
    wait_until(lambda: _falls_asleep(process), seconds=60, what=f"{process.name()} halted between two transactions")
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGCONT)


def _falls_asleep(process: psutil.Process) -> bool:
    process.send_signal(signal.SIGSTOP)
    if _others_can_write():
        return True
    process.send_signal(signal.SIGCONT)
    return False


def _others_can_write() -> bool:
    """Does somebody else get all scale sets' locks within a second?"""
    line = connections[LIVE]
    soon = "PRAGMA busy_timeout = 1000" if line.vendor == "sqlite" else "SET lock_timeout = '1s'"
    try:
        with line.cursor() as cursor:
            cursor.execute(soon)
        with suppress(OperationalError), transaction.atomic(using=LIVE):
            return bool(ScaleSet.objects.using(LIVE).order_by("pk").select_for_update().values_list("pk"))
        return False
    finally:
        line.close()


@contextmanager
def another(up: Installation, name: str) -> Iterator[psutil.Process]:
    """A second worker or prober beside that of `up`, on the same database and the same broker."""
    commands = {
        "worker": [*CELERY, *WORKER_COMMAND, "-n", "second@%h"],
        "prober": [sys.executable, str(CHECKOUT / "manage.py"), "prober"],
    }
    with up.log.open("ab") as log:
        process = subprocess.Popen(
            commands[name],
            cwd=CHECKOUT,
            env=environment(up.home, **up.more),
            stdout=log,
            stderr=log,
            preexec_fn=tie(),
        )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


@contextmanager
def locked_database(up: Installation) -> Iterator[None]:
    """SQLite: another program holds the write lock. Whoever writes waits."""
    with closing(sqlite3.connect(up.home / "rollgrid.sqlite3", isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


class Cluster:
    """A PostgreSQL server that may be stopped, since nobody else uses it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.folder = Path(parse_qs(urlsplit(url).query)["host"][0])
        self._again: subprocess.Popen[bytes] | None = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stopped without a goodbye to its clients, and started again on the same data."""
        server = psutil.Process(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]))
        command, user, group = server.cmdline(), server.uids().real, server.gids().real
        server.send_signal(signal.SIGQUIT)
        server.wait(30)
        yield
        owner: dict[str, Any] = {"user": user, "group": group, "extra_groups": []} if os.getuid() == 0 else {}
        with (self.folder / "log").open("ab") as log:
            self._again = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True, preexec_fn=tie(), **owner
            )
        wait_until(self._answers, seconds=30, what="PostgreSQL is back")

    def end(self) -> None:
        if self._again:
            self._again.send_signal(signal.SIGINT)
            self._again.wait(30)

    def _answers(self) -> bool:
        import psycopg

        with suppress(psycopg.OperationalError):
            psycopg.connect(self.url).close()
            return True
        return False


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[None]:
    """A file system of its own that is soon full. PermissionError where we may not mount."""
    place.mkdir(mode=0o700)
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", place], capture_output=True, text=True
    )
    if mount.returncode:
        raise PermissionError(mount.stderr)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@contextmanager
def full_disk(place: Path) -> Iterator[None]:
    """Not a byte is left; afterwards there is room again."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(BLOCK))
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x")
    try:
        yield
    finally:
        filler.unlink()
