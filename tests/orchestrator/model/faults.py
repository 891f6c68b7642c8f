"""Death and delay at any line: every statement on the database is a place where a process can die, or others can come in between."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection

from tests.orchestrator.model.clocks import Moment

ENDING = ("ROLLBACK", "RELEASE")
WRITES = ("INSERT", "UPDATE", "DELETE")
QUIET = re.compile(
    r'UPDATE "upgrades_(scaleset" SET "(reconcile_at|lease_\w+|prober\w*|probed_at|probed_without_gap_since)"|workitem")'
)


class Killed(BaseException):
    """The process is gone, at this very line; no `except Exception` and no `finally` of it does anything to the database any more."""


@dataclass(slots=True)
class Ambush:
    """At the process's `at`-th statement (from 1) `act` happens, between two transactions of it; where `act` is None the process dies,
    and what its transaction has written so far is rolled back. `of_transactions`: at the beginning of its `at`-th transaction instead,
    when all that it has read is already old."""

    at: int
    act: Callable[[], None] | None = None
    of_transactions: bool = False


@dataclass(slots=True)
class _Life:
    ambush: Ambush | None
    statements: int = 0
    transactions: int = 0
    is_dead: bool = False


class Statements:
    """Stands between the code and the database while it is `watching`. `hooks` are called, inside the transaction, before each statement
    that begins so, with the values that it writes."""

    def __init__(self, hooks: Mapping[str, Callable[[set[str]], None]]) -> None:
        self._hooks = hooks
        self._lives: list[_Life] = []
        self._is_aside = False
        self.changed_something = False  # anything but whose turn it is and how fresh the news is

    @contextmanager
    def watching(self) -> Iterator[None]:
        begin = connection.set_autocommit

        def noted(is_on: bool, **options: Any) -> None:
            if not is_on:
                self._begin()
            begin(is_on, **options)

        connection.set_autocommit = noted  # type: ignore[method-assign, assignment]
        try:
            with connection.execute_wrapper(self._execute):
                yield
        finally:
            connection.set_autocommit = begin  # type: ignore[method-assign]

    @contextmanager
    def process(self, ambush: Ambush | None = None) -> Iterator[None]:
        """What runs in here is one process."""
        self._lives.append(_Life(ambush))
        try:
            yield
        except Killed:
            pass
        finally:
            self._lives.pop()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What runs in here is the test's own."""
        before, self._is_aside = self._is_aside, True
        try:
            yield
        finally:
            self._is_aside = before

    def _execute(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if params and not many:
            params = tuple(param.now() if isinstance(param, Moment) else param for param in params)
        if self._lives and not self._is_aside:
            self._strike(self._lives[-1], sql, params)
            self.changed_something |= sql.startswith(WRITES) and not QUIET.match(sql)
        return execute(sql, params, many, context)

    def _begin(self) -> None:
        if self._lives and not self._is_aside:
            life = self._lives[-1]
            life.transactions += 1
            if life.ambush and life.ambush.of_transactions and life.transactions >= life.ambush.at:
                self._spring(life, life.ambush)

    def _strike(self, life: _Life, sql: str, params: Any) -> None:
        if life.is_dead and not sql.startswith(ENDING):
            raise Killed
        life.statements += 1
        if life.ambush and not life.ambush.of_transactions and life.statements >= life.ambush.at:
            self._spring(life, life.ambush)
        for beginning, hook in self._hooks.items():
            if sql.startswith(beginning):
                with self.aside():
                    hook({str(getattr(param, "obj", param)).replace("-", "") for param in params})

    def _spring(self, life: _Life, ambush: Ambush) -> None:
        if ambush.act is None:
            life.ambush, life.is_dead = None, True
            raise Killed
        if not connection.in_atomic_block:
            life.ambush = None
            ambush.act()
