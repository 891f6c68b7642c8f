"""All tests, in as little time as two cores need: `make test` runs `python -m tests.run_all`.

Many tests wait for processes, browsers and timers, so that one run of pytest leaves a core idle. Each part here is a run of its own, in
one process or in several, to which files are dealt out as they become free. All parts run at once.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.waiting import wait_until

SAY_EACH_SECONDS = 60
END_SECONDS = 60
PYTEST = (sys.executable, "-m", "pytest")
# With more processes than these in all, tests reach their time limits.
MAX_PROCESSES = 4
# The order of tests/conftest.py is kept: files with long tests first.
BY_TWO = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
QUICK = ("-m", "not slow")
ON_POSTGRES = (sys.executable, "-m", "tests.private_postgres", *PYTEST)
# Once is enough for these. The first three start an `up` on an SQLite of its own, whatever the database of the tests is.
ON_SQLITE_ONLY = (
    "tests/supervisor",
    "tests/end_to_end/test_refusing_broker.py",
    "tests/end_to_end/test_package.py",
    # What a web server and its clients do, before or after statements that other tests run on both databases.
    "tests/clients",
    "tests/end_to_end/test_bodies.py",
    "tests/end_to_end/test_feed_clients.py",
    "tests/end_to_end/test_fuzz_sockets.py",
    "tests/end_to_end/test_slow_reader.py",
    "tests/end_to_end/test_uvicorn.py",
    # Requests that are refused for their words alone, and texts.
    "tests/arm/test_discovery.py",
    "tests/arm/test_options.py",
    "tests/arm/test_unknown_addresses.py",
    "tests/fuzz/test_openapi.py",
    "tests/dashboard/test_static_files.py",
    "tests/dashboard/test_unreadable_requests.py",
    "tests/texts",
)
# About workers on several hosts, which share a PostgreSQL.
ON_POSTGRES_ONLY = ("tests/end_to_end/test_queues.py",)
KILLS = ("tests/crash", "tests/orchestrator/test_model.py")
# With a run of their own: real machines want a computer that is not busy.
APART = ("tests/browser", "tests/containers", "tests/virtual_machines")
# They have a target of their own, `make test-clients`; tests/clients/test_sdks.py is a sample of them.
ALL_CLIENTS = "tests/clients/test_all_clients.py"
LEFT_OUT = tuple(f"--ignore={path}" for path in (*APART, *ON_SQLITE_ONLY, *KILLS))


@dataclass
class Part:
    """One run of pytest, with a state folder of its own. What it says is shown when it has ended."""

    name: str
    command: tuple[str, ...]
    processes: int = 1
    said: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    began: float = 0
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            env={**os.environ, "ROLLGRID_HOME": str(Path(os.environ["ROLLGRID_HOME"]) / self.name)},
            stdin=subprocess.DEVNULL,
            stdout=self.said,
            stderr=subprocess.STDOUT,
        )

    def code(self) -> int | None:
        """Its exit code; None as long as it runs."""
        return self.process.poll() if self.process else None

    def progress(self) -> str:
        shares = re.findall(rb"\[ *(\d+%)\]", self.all_said())
        return f"{self.name} {shares[-1].decode() if shares else '0%'}"

    def all_said(self) -> bytes:
        # Not by `read`, which would move the place where the process writes.
        return os.pread(self.said.fileno(), os.fstat(self.said.fileno()).st_size, 0)

    def show(self) -> None:
        sys.stdout.buffer.write(self.all_said())
        minutes, seconds = divmod(round(time.monotonic() - self.began), 60)
        _say(f"{self.name}: {'FAILED' if self.code() else 'passed'} after {minutes}:{seconds:02} min")

    def end(self) -> None:
        if self.process:
            # As by Ctrl-C: at SIGTERM pytest ends without taking away what its tests have started.
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.said.close()


def all_parts() -> list[Part]:
    """What is in the browser does not depend on the kind of database. Kills on PostgreSQL take the place of whichever part ends first."""
    return [
        Part(
            "sqlite",
            (*PYTEST, *BY_TWO, *(f"--ignore={path}" for path in (*APART, *ON_POSTGRES_ONLY, ALL_CLIENTS))),
            processes=2,
        ),
        Part("postgres", (*ON_POSTGRES, "-m", "django_db or end_to_end", *LEFT_OUT)),
        Part("browser", (*PYTEST, "tests/browser")),
        Part("postgres-kills", (*ON_POSTGRES, *KILLS)),
        # Last: they want a quieter computer. The long ones of them are in `make test-machines`.
        Part("containers", (*PYTEST, "tests/containers", *QUICK), processes=2),
        Part("virtual-machines", (*PYTEST, "tests/virtual_machines", *QUICK), processes=2),
    ]


def run(parts: list[Part]) -> int:
    """Runs them all. Returns how many failed."""
    waiting, running = list(parts), list[Part]()
    failed = 0
    try:
        while waiting or running:
            while waiting and sum(part.processes for part in (*running, waiting[0])) <= MAX_PROCESSES:
                running.append(waiting.pop(0))
                running[-1].start()
            ended = _ended(running)
            for part in ended:
                running.remove(part)
                part.show()
                part.end()
                failed += bool(part.code())
            if not ended:
                _say(", ".join(part.progress() for part in running))
    finally:
        for part in running:
            part.end()
    return failed


def _ended(running: list[Part]) -> list[Part]:
    """Those that have ended, as soon as there is one; none after SAY_EACH_SECONDS."""
    say_at = time.monotonic() + SAY_EACH_SECONDS
    is_over = lambda: any(part.code() is not None for part in running) or time.monotonic() > say_at  # noqa: E731
    wait_until(is_over, seconds=2 * SAY_EACH_SECONDS)
    return [part for part in running if part.code() is not None]


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        sys.exit(run(all_parts()))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
