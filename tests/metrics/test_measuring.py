"""What processes measure is kept in files: across processes, restarts and kills."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from upgrades import measures, measuring
from upgrades.measuring import Measured, Page


@pytest.fixture
def home(tmp_path: Path) -> Path:
    measuring.make_folder(tmp_path)
    return tmp_path


@pytest.fixture
def ours(home: Path, monkeypatch: pytest.MonkeyPatch) -> Page:
    """This process is a program that `up` has started."""
    page = Page(measuring.file_of(home, "worker"))
    monkeypatch.setattr(measuring, "_ours", lambda: page)
    return page


def number(measured: Measured, measure: measuring.Measure, *values: str) -> list[float]:
    return [*dict(measure.read(measured.cells))[values]]


@pytest.mark.usefixtures("ours")
def test_numbers_are_read_as_they_were_measured(home: Path) -> None:
    measures.FAILED_OPERATIONS.add(2, "reimage")
    measures.FEED_CLIENTS.set(7)
    for seconds in (0.5, 1.0, 4.0, 5000.0, -3.0):
        measures.BATCH_SECONDS.observe(seconds)
    (worker,) = measuring.read(home)
    assert worker.program == "worker" and worker.is_running
    assert number(worker, measures.FAILED_OPERATIONS, "reimage") == [2.0]
    assert number(worker, measures.FAILED_OPERATIONS, "create") == [0.0]
    assert number(worker, measures.FEED_CLIENTS) == [7.0]
    *buckets, seconds = number(worker, measures.BATCH_SECONDS)
    assert (buckets[0], buckets[2], buckets[-1], sum(buckets), seconds) == (3.0, 1.0, 1.0, 5.0, 5005.5)


@pytest.mark.usefixtures("ours")
def test_an_unknown_label_counts_as_other(home: Path) -> None:
    measures.PROVIDER_ERRORS.add(1, "somebody's own", "timeout")
    assert number(measuring.read(home)[0], measures.PROVIDER_ERRORS, "other", "timeout") == [1.0]


def test_threads_lose_nothing(home: Path, ours: Page) -> None:
    def count() -> None:
        for _ in range(2000):
            measures.ENDED_UPGRADES.add(1, "Completed")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert number(measuring.read(home)[0], measures.ENDED_UPGRADES, "Completed") == [8000.0]


DIES = """
import os, signal
from upgrades import measures
measures.begin()
measures.PROBES.add(3, "healthy")
measures.FEED_CLIENTS.set(5)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_program_loses_nothing_and_its_successor_goes_on(home: Path) -> None:
    file = measuring.file_of(home, "prober")
    for _ in range(2):
        ended = subprocess.run([sys.executable, "-c", DIES], env={**os.environ, measuring.VARIABLE: str(file)})
        assert ended.returncode == -signal.SIGKILL
    (prober,) = measuring.read(home)
    assert number(prober, measures.PROBES, "healthy") == [6.0]
    assert not prober.is_running
    Page(file)  # the next one begins
    (prober,) = measuring.read(home)
    assert prober.is_running and number(prober, measures.FEED_CLIENTS) == [0.0]


def test_files_of_another_version_are_not_read_and_begin_anew(home: Path) -> None:
    file = measuring.file_of(home, "worker")
    file.write_bytes(b"\x01" * measuring.TABLE.size * 8)
    measuring.file_of(home, "prober").write_bytes(b"short")
    assert measuring.read(home) == []
    Page(file)
    (worker,) = measuring.read(home)
    assert set(worker.cells[2:]) == {0.0}


def test_up_begins_with_no_files(home: Path) -> None:
    Page(measuring.file_of(home, "worker"))
    measuring.make_folder(home)
    assert measuring.read(home) == []


def test_a_process_that_up_did_not_start_measures_nothing(home: Path) -> None:
    measures.BATCH_SECONDS.observe(1.0)
    assert measuring.read(home) == []
    assert measuring.read(home / "no such folder") == []
