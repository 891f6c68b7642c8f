"""Around every command and every pass of the orchestrator and the prober, in whatever test: snapshot before + events == snapshot after.

No test asks for it: the functions themselves are wrapped, wherever they have been imported to.
They stay wrapped, for that takes a while; they are checked while `all_checked` lasts.
"""

import importlib
import inspect
import pkgutil
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from types import MappingProxyType, ModuleType
from typing import Any

from django.db import connection

from tests.stories import Snapshots, snapshots, snapshots_after_events

Command = Callable[..., Any]
PACKAGES = ("upgrades.commands", "upgrades.orchestrator")
MODULES = ("upgrades.prober.write_back",)
READERS = ("upgrades.commands.lookup", "upgrades.orchestrator.observe")  # the helpers of those who write
IMPORTED_TO = ("upgrades.", "tests.", "dashboard.")
READS = ("SELECT", "BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA")
# Columns of a scale set that no viewer sees: most passes write these and nothing else.
UNSEEN = ("probed_at", "lease_number", "lease_until", "reconcile_at", "reconciled_at")
_ASSIGNED = re.compile(r'"(\w+)" =')
_inside = threading.local()
_checking: list[bool] = []
_wrapped_in: dict[str, ModuleType] = {}


@cache
def commands() -> tuple[Command, ...]:
    """Whatever writes takes `now`: time is an argument."""
    modules = [importlib.import_module(name) for name in (*_modules(), *MODULES)]
    found = {
        function for module in modules for function in vars(module).values() if _is_command(function, module.__name__)
    }
    return tuple(found)


def _modules() -> Iterator[str]:
    for name in PACKAGES:
        for module in pkgutil.iter_modules(importlib.import_module(name).__path__, f"{name}."):
            if module.name not in READERS:
                yield module.name


def _is_command(function: object, module: str) -> bool:
    if not inspect.isfunction(function) or function.__module__ != module or function.__name__.startswith("_"):
        return False
    return "now" in inspect.signature(function).parameters


def checked(command: Command) -> Command:
    """The same, and its events must lead from the snapshot before to the one after. One that raises is passed on as it is."""

    @wraps(command)
    def checked_command(*args: Any, **options: Any) -> Any:
        if not _checking or getattr(_inside, "a_command", False) or _must_not_ask():
            return command(*args, **options)
        _inside.a_command = True
        try:
            with events_checked():
                return command(*args, **options)
        finally:
            _inside.a_command = False

    return checked_command


def _must_not_ask() -> bool:
    """Where somebody counts the queries, or a transaction is open that has written half of what it tells."""
    return connection.force_debug_cursor or connection.needs_rollback


@contextmanager
def events_checked() -> Iterator[None]:
    """Assert that the events lead from the snapshots before the first write to those at the end. Without a write nothing is compared."""
    before: list[Snapshots] = []

    def look_before_a_write(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if not before and _may_be_seen(sql):
            before.append({})  # snapshots are read by statements too
            before[0] = snapshots(known.snapshots)
            known.snapshots = {}
        return execute(sql, *rest)

    with connection.execute_wrapper(look_before_a_write):
        yield
    if before:
        known.snapshots = snapshots_after_events(before[0])


def _may_be_seen(sql: str) -> bool:
    """Whether this statement may change what viewers see."""
    if sql.startswith('UPDATE "upgrades_scaleset" SET'):
        return not set(_ASSIGNED.findall(sql.partition(" WHERE ")[0])) <= set(UNSEEN)
    return not sql.startswith(READS)


class _Known(threading.local):
    """The snapshots at the end of this thread's last command, to begin the next with; none where somebody else has written since."""

    snapshots: Snapshots = MappingProxyType({})


known = _Known()


def _forget_on_a_write(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
    if _may_be_seen(sql) and not getattr(_inside, "a_command", False):
        known.snapshots = {}
    return execute(sql, *rest)


@contextmanager
def all_checked() -> Iterator[None]:
    """As long as this lasts, every command is checked, by whatever name it was imported."""
    _wrap_all()
    _checking.append(True)
    known.snapshots = {}
    try:
        with connection.execute_wrapper(_forget_on_a_write):
            yield
    finally:
        _checking.pop()


def _wrap_all() -> None:
    """In all modules that have been imported since the last time."""
    there_are = _checked_by_id()
    for name, module in list(sys.modules.items()):
        if name.startswith(IMPORTED_TO) and _wrapped_in.get(name) is not module:
            _wrapped_in[name] = module
            for its_name, value in list(vars(module).items()):
                if id(value) in there_are:
                    setattr(module, its_name, there_are[id(value)])


@cache
def _checked_by_id() -> dict[int, Command]:
    return {id(command): checked(command) for command in commands()}
