"""Runs the tests that lie nearest to changed files, for half a minute at most: `make check FILE=upgrades/core/zones.py`.

Without a file: all that differ from the last commit. Nearest first: the test of the same name, then tests that import the module,
then those of the same folder. Quick tests only, and no new one after SECONDS; what was left out is said.
"""

import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import grimp
import pytest

SECONDS = 25.0
PACKAGES = ("dashboard", "upgrades", "tests")
QUICK = "not (browser or virtual_machines or real_clients or slow or end_to_end)"
# What no import leads to: the tests that read such files.
READ_BY = {
    "static": ["tests/js", "tests/dashboard/test_static_files.py"],
    "templates": ["tests/texts", "tests/dashboard", "tests/js/test_no_rules.py"],
    "docs": ["tests/test_docs.py", "tests/test_citations.py"],
}


class Budget:
    """A plugin for pytest: ends the run when `seconds` are over, and counts what was left out."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends = 0.0
        self.left = 0
        self.failed = 0
        self.is_over = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Time runs from here: collecting is not counted, for it is the same each time."""
        self.left = len(session.items)
        self._ends = time.monotonic() + self._seconds

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self) -> None:
        """After each test."""
        self.left -= 1

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Counted here, because a run that was stopped says nothing of failures in its exit code."""
        self.failed += report.failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Before each test."""
        if time.monotonic() > self._ends:
            self.is_over = True
            item.session.shouldstop = f"{self._seconds:.0f} seconds are over"


def nearest_tests(path: Path, graph: grimp.ImportGraph) -> list[str]:
    """Test files and folders for one changed file, nearest first. `path` is relative to the root of the project."""
    top = path.parts[0]
    if path.suffix != ".py" or top not in PACKAGES:
        return READ_BY.get(top, ["tests/test_docs.py"])
    if path.name.startswith("test_"):
        return [str(path)]
    module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    folder = path.parent if top == "tests" else _folder_of_tests(path)
    importers = graph.find_modules_that_directly_import(module) if module in graph.modules else set()
    files = [Path(*name.split(".")).with_suffix(".py") for name in sorted(importers)]
    by_import = [file for file in files if file.name.startswith("test_")]
    return [str(file) for file in (folder / f"test_{path.stem}.py", *by_import, folder)]


def _folder_of_tests(path: Path) -> Path:
    """`tests/core` for `upgrades/core/...`; the first that is there, upwards."""
    inner = path.parts[:-1] if path.parts[0] == "dashboard" else path.parts[1:-1]
    folders = [Path("tests", *inner[:end]) for end in range(len(inner), -1, -1)]
    return next(folder for folder in folders if folder.is_dir())


def _changed() -> list[str]:
    words = ["git", "status", "--porcelain", "--no-renames", "-z"]
    lines = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split("\0")
    return [line[3:] for line in lines if line and line[:2].strip() != "D"]


def _in_order(found: Iterable[str]) -> list[str]:
    return [path for path in dict.fromkeys(found) if Path(path).exists()]


def main(arguments: Sequence[str]) -> int:
    """The exit code: pytest's, where the time that is over is no failure."""
    files = [Path(argument) for argument in arguments or _changed()]
    missing = [str(path) for path in files if not path.exists()]
    if missing or not files:
        said = f"there is no file {', '.join(missing)}" if missing else "nothing differs from the last commit"
        sys.stderr.write(f"{said}\n")
        return 1 if missing else 0
    graph = grimp.build_graph(*PACKAGES)
    tests = _in_order(test for file in files for test in nearest_tests(file, graph))
    budget = Budget(SECONDS)
    code = pytest.main(["-m", QUICK, *tests], plugins=[budget])
    if not budget.is_over:
        return int(code)
    sys.stdout.write(f"{budget.left} tests further away did not run: make test-fast runs them.\n")
    return 1 if budget.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
