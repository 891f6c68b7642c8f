"""Which statements the product sends to the database, for each file of tests: what need not be repeated on PostgreSQL.

`make test-postgres` runs all tests there that use the database, with this file as a plugin of pytest. It fails where a file of COVERED
(tests/run_all.py), which `make test` does not run on PostgreSQL, has the product send a statement that no other file sends.
"""

import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.utils import Error

from tests.run_all import COVERED

ROOT = Path(__file__).parents[1]
TESTS, PRODUCT = str(ROOT / "tests"), (str(ROOT / "upgrades"), str(ROOT / "dashboard"))
MIGRATIONS = str(ROOT / "upgrades" / "migrations")  # for whichever file comes first
# Django answers a request: also what its own pages send is sent by the product.
ANSWERS = os.path.join("django", "core", "handlers")
# What depends on the values only, and what takes its place.
ALIKE = (
    (re.compile(r'"?s\d+_x\d+"?'), "savepoint"),
    (re.compile(r"_django_curs_\w+"), "cursor"),
    (re.compile(r"%s(?:::\w+)?(?:, %s(?:::\w+)?)+"), "%s, ..."),
    (re.compile(r"\((?:%s, \.\.\.|%s)\)(?:, \((?:%s, \.\.\.|%s)\))+"), "(%s)"),
    (re.compile(r"\((?:%s, \.\.\.|%s)\)"), "(%s)"),
    (re.compile(r"(?:WHEN \(\S+ = %s\) THEN \S+ )+"), "WHEN ... "),
    (re.compile(r"unnest\(.*?\) AS v\(.*?\)"), "unnest(...) AS v"),
    (re.compile(r"\bv\.c\d+"), "v.c"),
    (re.compile(r"\b\d+\b"), "0"),
)
# Which columns an UPDATE sets depends on what has changed.
UPDATE = re.compile(r'(UPDATE "\w+"(?: AS t)? SET )(.*?)( FROM | WHERE |$)')
BETWEEN_COLUMNS = re.compile(r', (?="\w+" = )')
Statements = dict[str, set[str]]


def shape(sql: str) -> str:
    """The statement without what depends on its values: how many there are of them, names of savepoints and of cursors."""
    for pattern, place in ALIKE:
        sql = pattern.sub(place, sql)
    return sql


def shapes(sql: str) -> set[str]:
    """The statement's shape; of an UPDATE that of each column that it sets, and of the rest."""
    whole = shape(sql)
    if not (update := UPDATE.match(whole)):
        return {whole}
    head, columns, _ = update.groups()
    return {f"{head}...{whole[update.end(2) :]}", *(head + column for column in BETWEEN_COLUMNS.split(columns))}


def of_covered_files_only(sent: Mapping[str, Collection[str]], covered: Collection[str]) -> dict[str, list[str]]:
    """{a file that is covered: what it sends and no other file sends}, of those that there are."""
    others = {each for file, statements in sent.items() if not _is_in(file, covered) for each in statements}
    found = {file: sorted(set(sent[file]) - others) for file in sorted(sent) if _is_in(file, covered)}
    return {file: statements for file, statements in found.items() if statements}


def _is_in(file: str, covered: Collection[str]) -> bool:
    return any(file == path or file.startswith(f"{path}/") for path in covered)


class Recorder:
    """The statements of the product, by the file whose test runs."""

    def __init__(self) -> None:
        self.sent: Statements = defaultdict(set)
        self.file = ""
        self._known: set[tuple[str, str]] = set()

    def note(self, sql: str, outcome: str = "") -> None:
        """`outcome`: of a statement that failed."""
        key = (self.file, sql + outcome)
        if key not in self._known and _is_of_product(sys._getframe(1)):
            self._known.add(key)
            self.sent[self.file] |= {f"{each}{outcome}" for each in shapes(sql)}


def _is_of_product(frame: FrameType | None) -> bool:
    """Whether the product comes before the tests, from the inside out."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith((MIGRATIONS, TESTS)) and file != __file__:
            return False
        if file.startswith(PRODUCT) or ANSWERS in file:
            return True
        frame = frame.f_back
    return False


_recorder = Recorder()


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    send = CursorWrapper._execute_with_wrappers  # type: ignore[attr-defined]

    def noting(self: CursorWrapper, sql: Any, *arguments: Any, **options: Any) -> Any:
        try:
            answer = send(self, sql, *arguments, **options)
        except Error as error:
            recorder.note(str(sql), f" fails: {type(error).__name__}")
            raise
        recorder.note(str(sql))
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CursorWrapper, "_execute_with_wrappers", noting)
        yield


@pytest.fixture(scope="session", autouse=True)
def _record() -> Iterator[None]:
    with recording(_recorder):
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--statements", metavar="FILE", help="write there which files send which statements, as JSON")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    _recorder.file = item.path.relative_to(ROOT).as_posix()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if file := session.config.getoption("--statements"):
        Path(file).write_text(json.dumps({name: sorted(those) for name, those in _recorder.sent.items()}, indent=1))
    if connection.vendor == "postgresql" and of_covered_files_only(_recorder.sent, COVERED):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if connection.vendor != "postgresql":
        return
    for file, statements in of_covered_files_only(_recorder.sent, COVERED).items():
        terminalreporter.section(f"{file} is in COVERED of tests/run_all.py, and it alone sends")
        for statement in statements:
            terminalreporter.write_line(statement)
