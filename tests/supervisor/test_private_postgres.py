"""The private PostgreSQL of the tests: it runs, its answer is passed on, and nothing of it stays."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from dashboard.environment import CHECKOUT
from tests.waiting import wait_until

ASK = "from django.db import connection as c; c.ensure_connection(); print(c.vendor, c.pg_version // 10000 >= 14)"


def start(*command: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.private_postgres", *command],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,  # never written to: who reads it waits
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_django_uses_it_and_it_is_gone_afterwards() -> None:
    script = f"{sys.executable} manage.py shell --no-imports -c '{ASK}' && echo $DATABASE_URL && exit 7"
    process = start("sh", "-c", script)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 7, error
    said, url = out.split("\n")[:2]
    assert said == "postgresql True"
    assert not folder_of(url).exists()


def test_a_signal_cleans_up_too() -> None:
    process = start("sh", "-c", "echo $DATABASE_URL; read never")
    assert process.stdout is not None
    folder = folder_of(process.stdout.readline())
    assert folder.stat().st_mode & 0o777 == 0o700
    server = int((folder / "data" / "postmaster.pid").read_text().split()[0])
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    process.communicate()
    assert not folder.exists()
    wait_until(lambda: not os.path.exists(f"/proc/{server}"))


def test_a_signal_in_the_middle_of_cleaning_up_leaves_nothing_behind() -> None:
    process = start("sh", "-c", "echo $DATABASE_URL")
    assert process.stdout is not None
    folder = folder_of(process.stdout.readline())
    while process.poll() is None:  # from the command's end to the last removed file
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.001)
    process.communicate()
    assert not folder.exists()


def folder_of(url: str) -> Path:
    return Path(url.strip().partition("?host=")[2].replace("%2F", "/"))
