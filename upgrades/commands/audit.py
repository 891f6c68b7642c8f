"""The audit trail, written by the commands themselves, in the transaction of what they change.

    @audited("UpgradePaused", ObjectKind.SCALE_SET)
    def pause(path, by, now):
        with lookup.writing_to(path, now) as writer:
            ...
            note("Paused the upgrade.", before={"paused_by": ""}, after={"paused_by": by})

Every public command that writes is marked with `audited` (a test checks that) and calls `note` with what it changed. A command that changed
nothing writes no entry; a refused one does. The entry points say who acts, once for each request (`as_actor`); otherwise the actor is the
user who runs this process.
"""

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import DatabaseError, connection, transaction
from django.db.models.expressions import Combinable

from upgrades.commands.errors import Refused
from upgrades.core.auditing import Actor, AuditOutcome, EntryPoint, ObjectKind, Who, terminal_actor
from upgrades.core.differences import differences, one_line
from upgrades.core.masking import masked
from upgrades.models import AuditEntry
from upgrades.models.clock import in_time

log = logging.getLogger(__name__)

# Refused attempts are written too. So that nobody can fill the table with them, the same refusal is written only once in SAME_REFUSAL,
# and no more than these numbers are written in an hour.
SAME_REFUSAL = timedelta(minutes=5)
MAX_REFUSALS = 100  # in an hour, of one actor
MAX_REFUSALS_OF_NOBODY = 1_000  # in an hour, of all actors together who have not proved who they are

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
# A command's first argument with one of these names says what it acts on.
NAMES_OF_PATHS = ("path", "name", "reference", "row")


@dataclass(frozen=True, slots=True)
class _AuditedCommand:
    """The command that is running: its code, and what it acts on."""

    code: str
    kind: ObjectKind
    path: str = ""
    now: datetime | None = None


@dataclass(slots=True)
class Scope:
    """One request, or one command at the terminal: who acts, and its refusals, which are written when its transaction is over."""

    actor: Callable[[], Actor]
    refusals: list[AuditEntry] = field(default_factory=list)


Hide = Callable[[Any], Any]
_hide: ContextVar[Hide] = ContextVar("_hide", default=lambda value: value)
_audited_command: ContextVar[_AuditedCommand | None] = ContextVar("_audited_command", default=None)
_scope: ContextVar[Scope | None] = ContextVar("_scope", default=None)


@contextmanager
def as_actor(actor: Callable[[], Actor]) -> Iterator[Scope]:
    """Make `actor` the actor of every entry written inside. `actor` is called only when there is something to write."""
    with as_actor_until_written(actor) as scope:
        try:
            yield scope
        finally:
            write_refusals(scope)


@contextmanager
def as_actor_until_written(actor: Callable[[], Actor]) -> Iterator[Scope]:
    """As `as_actor`, but the caller has to call `write_refusals`."""
    scope = Scope(actor)
    token = _scope.set(scope)
    try:
        yield scope
    finally:
        _scope.reset(token)


@contextmanager
def hiding(hide: Hide) -> Iterator[None]:
    """Apply `hide` to all texts and JSON that entries say inside: it knows secrets that do not look like secrets."""
    token = _hide.set(hide)
    try:
        yield
    finally:
        _hide.reset(token)


def actor() -> Actor:
    """Who acts now."""
    scope = _scope.get()
    return scope.actor() if scope else terminal_actor(EntryPoint.SCRIPT)


def audited(code: str, kind: ObjectKind) -> Callable[[Callable[Given, Answer]], Callable[Given, Answer]]:
    """Mark a command that writes to the audit trail by `note`. `code` names the command for programs, `kind` what it acts on."""

    def decorate(command: Callable[Given, Answer]) -> Callable[Given, Answer]:
        signature = inspect.signature(command)

        @wraps(command)
        def wrapper(*args: Given.args, **options: Given.kwargs) -> Answer:
            outer = _audited_command.get()
            audited_command = _AuditedCommand(code, kind, *_path_and_time(signature.bind(*args, **options).arguments))
            token = _audited_command.set(audited_command)
            try:
                return command(*args, **options)
            except Refused as refusal:
                if outer is None:  # the outermost command alone records the refusal: it may call others
                    _refused(audited_command, refusal.code, refusal.message)
                raise
            finally:
                _audited_command.reset(token)

        return wrapper

    return decorate


def unaudited(why: str) -> Callable[[Callable[Given, Answer]], Callable[Given, Answer]]:
    """Mark a command that writes rows but needs no entry in the audit trail; `why` says why not."""

    def decorate(command: Callable[Given, Answer]) -> Callable[Given, Answer]:
        vars(command)["unaudited"] = why
        return command

    return decorate


def _path_and_time(given: Mapping[str, Any]) -> tuple[str, datetime | None]:
    """(what a command with these arguments acts on, its time)."""
    path = next((str(given[name]) for name in NAMES_OF_PATHS if name in given), "")
    return path, given.get("now")


def note(
    summary: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    code: str = "",
    kind: ObjectKind | None = None,
    path: str = "",
    object_id: object = "",
) -> None:
    """Write to the audit trail what the running command did, unless `before` and `after` are given and equal.

    `code`, `kind` and `path` replace the command's own. Raises RuntimeError outside an `audited` command or outside its transaction.
    """
    audited_command = _audited_command.get()
    if audited_command is None or not connection.in_atomic_block:
        raise RuntimeError(f"note({summary!r}) belongs into the transaction of a command that is marked @audited")
    about = _AuditedCommand(
        code or audited_command.code, kind or audited_command.kind, path or audited_command.path, audited_command.now
    )
    write(about, summary, before, after, object_id=object_id)


def write_entry(
    code: str,
    kind: ObjectKind,
    path: str,
    summary: str,
    *,
    now: datetime | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    by: Actor | None = None,
    object_id: object = "",
) -> None:
    """Write an entry for what no command does: signing in, or what only the admin saves."""
    write(_AuditedCommand(code, kind, path, now), summary, before, after, by=by, object_id=object_id)


def record_refusal(
    code: str, kind: ObjectKind, path: str, error_code: str, message: str, *, now: datetime, by: Actor | None = None
) -> None:
    """Record an attempt that was refused before any command was called."""
    _refused(_AuditedCommand(code, kind, path, now), error_code, message, by)


def write(
    audited_command: _AuditedCommand,
    summary: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    *,
    by: Actor | None = None,
    object_id: object = "",
) -> None:
    """Write an entry of this command, unless `before` and `after` are given and equal. `by`: the actor; None for who acts now."""
    old, new = differences(before or {}, after or {})
    if (before or after) and not old and not new:
        return
    row, hide = _entry(audited_command, by or actor()), _hide.get()
    row.says, row.object_id = one_line(masked(hide(summary)), 500), str(object_id)[:64]
    row.before, row.after = hide(old), hide(new)
    row.save()


def _entry(audited_command: _AuditedCommand, by: Actor) -> AuditEntry:
    path = one_line(masked(audited_command.path), 300)  # an address may have a token in it
    row = AuditEntry(
        who=by.who,
        name=one_line(by.name, 150),
        who_id=by.id[:64],
        entry_point=by.entry_point,
        came_from=one_line(by.came_from, 200),
        request_id=one_line(by.request_id, 100),
        code=audited_command.code,
        kind=audited_command.kind,
        path=path,
        key=path.lower()[:300],
    )
    if audited_command.now is not None:  # else the column's default is the database's clock
        row.at = audited_command.now
    return row


# --- what was refused -------------------------------------------------------------------------------------------------


def _refused(audited_command: _AuditedCommand, error_code: str, message: str, by: Actor | None = None) -> None:
    row = _entry(audited_command, by or actor())
    row.outcome, row.error_code = AuditOutcome.REFUSED, error_code[:64]
    row.error_message = one_line(masked(_hide.get()(message)), 500)
    row.says = one_line(f"Refused ({audited_command.code}): {row.error_message}", 500)
    scope = _scope.get()
    if scope is None:
        _write_refusal(row)
    else:
        scope.refusals.append(row)


def write_refusals(scope: Scope) -> None:
    """Write the refusals of this scope. To be called after the transaction of the refused command was rolled back."""
    rows, scope.refusals = scope.refusals, []
    for row in rows:
        _write_refusal(row)


def _write_refusal(row: AuditEntry) -> None:
    """Write one refusal. A database error is only logged: it must not replace the answer to the client."""
    if connection.needs_rollback:
        log.warning("an attempt was refused and could not be written to the audit trail: %s", row.says)
        return
    try:
        with transaction.atomic():
            if not _is_too_much(row):
                row.save()
    except DatabaseError as error:
        why = str(error).partition("\n")[0]
        log.error("the audit trail was not written (%s): %s", why, row.says)


def _is_too_much(row: AuditEntry) -> bool:
    recent = AuditEntry.objects.filter(outcome=AuditOutcome.REFUSED, at__gt=_before(row, timedelta(hours=1)))
    # Entries from the future do not count: a clock that ran ahead wrote them.
    recent = recent.filter(at__lte=_before(row, timedelta(0)))
    if row.who == Who.NOBODY:
        recent, max_recent = recent.filter(who=Who.NOBODY), MAX_REFUSALS_OF_NOBODY
    else:
        recent, max_recent = recent.filter(who=row.who, name=row.name), MAX_REFUSALS
    same = recent.filter(code=row.code, name=row.name, key=row.key, error_code=row.error_code, came_from=row.came_from)
    return same.filter(at__gt=_before(row, SAME_REFUSAL)).exists() or recent.count() >= max_recent


def _before(row: AuditEntry, length: timedelta) -> datetime | Combinable:
    """The time `length` before the entry's; by the database's clock where the entry gets its time from there."""
    return row.at - length if isinstance(row.at, datetime) else in_time(-length)
