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
    "tests/fuzz/test_openapi.py",
)
# Neither do these add anything on PostgreSQL: all that the product sends there in them, it sends in files that are repeated as well. `make
# test-postgres` runs them there too, and fails when one of them begins to send something that no other file does (tests/statements.py).
# Not among them, though others send the same: tests of what the database answers (counts, pages of lists), of strange values, of
# migrations, and of several who write at once; nor such as take no second.
COVERED = (
    # Whole installations, whose statements nobody sees; test_main_job.py and tests/crash have such on both, and clients of the feed.
    "tests/end_to_end/test_arm_api.py",
    "tests/end_to_end/test_feed.py",
    "tests/end_to_end/test_stopping.py",
    "tests/arm/deployments/test_azures_templates.py",
    "tests/arm/test_answers.py",
    "tests/arm/test_approvals.py",
    "tests/arm/test_cases.py",
    "tests/arm/test_contract.py",
    "tests/arm/test_discovery.py",
    "tests/arm/test_extensions.py",
    "tests/arm/test_get_then_put.py",
    "tests/arm/test_instance_operations.py",
    "tests/arm/test_instances.py",
    "tests/arm/test_leaving_out.py",
    "tests/arm/test_load_balancers.py",
    "tests/arm/test_older_documents.py",
    "tests/arm/test_power.py",
    "tests/arm/test_subscriptions.py",
    "tests/arm/test_unknown_addresses.py",
    "tests/board/test_entry_points.py",
    "tests/board/test_painted.py",
    "tests/commands/test_actions.py",
    "tests/commands/test_approvals.py",
    "tests/commands/test_extension_upgrades.py",
    "tests/commands/test_fleet_stops.py",
    "tests/commands/test_health_sources.py",
    "tests/commands/test_load_balancers.py",
    "tests/commands/test_policy_used.py",
    "tests/commands/test_publish_image.py",
    "tests/commands/test_start_and_cancel.py",
    "tests/commands/test_steering.py",
    "tests/commands/test_withdraw_image.py",
    "tests/dashboard/test_actions.py",
    "tests/dashboard/test_static_files.py",
    "tests/dashboard/test_upgrade_actions.py",
    "tests/management/test_plan.py",
    "tests/management/test_put_commands.py",
    "tests/management/test_steering.py",
    "tests/orchestrator/test_back_to_normal.py",
    "tests/orchestrator/test_boards.py",
    "tests/orchestrator/test_changes_during_surge.py",
    "tests/orchestrator/test_changes_during_upgrade.py",
    "tests/orchestrator/test_extension_upgrades.py",
    "tests/orchestrator/test_lasting_requests.py",
    "tests/orchestrator/test_model_of_instances.py",
    "tests/orchestrator/test_obstacles.py",
    "tests/orchestrator/test_policy_in_runs.py",
    "tests/orchestrator/test_preview.py",
    "tests/orchestrator/test_rollback.py",
    "tests/orchestrator/test_row_cache.py",
    "tests/orchestrator/test_surge.py",
    "tests/orchestrator/test_suspicion.py",
    "tests/orchestrator/test_withdrawals.py",
)
# About workers on several hosts, which share a PostgreSQL.
ON_POSTGRES_ONLY = ("tests/end_to_end/test_queues.py",)
KILLS = ("tests/crash", "tests/orchestrator/test_model.py")
# With a run of their own: real machines want a computer that is not busy.
APART = ("tests/browser", "tests/containers", "tests/virtual_machines")
# They have a target of their own, `make test-clients`; tests/clients/test_sdks.py is a sample of them.
ALL_CLIENTS = ("tests/clients/test_all_clients.py", "tests/clients/test_newcomer.py")
USE_DATABASE = ("-m", "django_db or end_to_end")


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
        Part("sqlite", (*PYTEST, *BY_TWO, *_without(*APART, *ON_POSTGRES_ONLY, *ALL_CLIENTS)), processes=2),
        Part("postgres", (*ON_POSTGRES, *USE_DATABASE, *_without(*APART, *ON_SQLITE_ONLY, *COVERED, *KILLS))),
        Part("browser", (*PYTEST, "tests/browser")),
        Part("postgres-kills", (*ON_POSTGRES, *KILLS)),
        # Last: they want a quieter computer. The long ones of them are in `make test-machines`.
        Part("containers", (*PYTEST, "tests/containers", *QUICK), processes=2),
        Part("virtual-machines", (*PYTEST, "tests/virtual_machines", *QUICK), processes=2),
    ]


def all_on_postgres() -> list[Part]:
    """What `make test` runs on PostgreSQL and what it does not, in one process: what each file has the product send is compared."""
    return [
        Part("postgres", (*ON_POSTGRES, "-p", "tests.statements", *USE_DATABASE, *_without(*APART, *ON_SQLITE_ONLY)))
    ]


def _without(*paths: str) -> tuple[str, ...]:
    return tuple(f"--ignore={path}" for path in paths)


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
        sys.exit(run(all_on_postgres() if sys.argv[1:] == ["postgres"] else all_parts()))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
