"""What the commands of the terminal have in common: refusals as one clear line, and who is asking."""

import io
import json
import re
import sys
import uuid
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from upgrades.commands.audit import as_actor
from upgrades.commands.errors import Refused
from upgrades.core.auditing import EntryPoint, os_user, terminal_actor
from upgrades.core.json_fields import BadDocument, refuse_duplicate_fields, show_value
from upgrades.installation import PROGRAM
from upgrades.management.text import legible
from upgrades.models import Location


class Legible(io.TextIOBase):
    """A stream on which each message is one line, whatever people have put into reasons and names."""

    def __init__(self, out: Any) -> None:
        self._out = out

    def write(self, text: str) -> int:
        line = text.removesuffix("\n")
        self._out.write(legible(line) + text[len(line) :])
        return len(text)

    def flush(self) -> None:
        self._out.flush()

    def isatty(self) -> bool:
        return bool(self._out.isatty())


class UpgradeCommand(BaseCommand):
    """A command that calls upgrades.commands. A refusal ends it with exit code 1 and its message on stderr."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        who = terminal_actor(EntryPoint.TERMINAL, str(uuid.uuid4()))
        for stream in ("stdout", "stderr"):
            options[stream] = Legible(options.get(stream) or getattr(sys, stream))
        try:
            with as_actor(lambda: who):
                return super().execute(*args, **options)
        except Refused as error:
            raise CommandError(legible(f"{error.code}: {error.message}")) from error
        except DatabaseError as error:
            why = str(error).partition("\n")[0]
            message = f"the database is not working ({why}); `{PROGRAM} up` of this version brings it up to date. It is the one of "
            raise CommandError(
                message + f"ROLLGRID_HOME={settings.ROLLGRID_HOME}, or of DATABASE_URL where that is set"
            ) from error


def add_yes(parser: CommandParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask first")


def check_queue(location: Location) -> None:
    """Raise CommandError where the workers of another queue run the location: its provider is asked on their host only."""
    if location.queue != settings.ROLLGRID_QUEUE:
        where = f"where ROLLGRID_QUEUE is {location.queue}" if location.queue else "where ROLLGRID_QUEUE is not set"
        raise CommandError(f"the location {location.name} is run from another host: give this command there, {where}")


def is_at_a_terminal() -> bool:
    """Is there a person who sees a question and can answer it? A script may run in a terminal and keep what is said to itself."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def agree(says: Sequence[str], question: str, *, yes: bool) -> None:
    """Has the person at the terminal agree to what would follow. Raises CommandError; then nothing is done.

    Where nobody can be asked, `--yes` is what agrees.
    """
    if yes:
        return
    if not is_at_a_terminal():
        raise CommandError(legible(f"nothing was changed: {'; '.join(says)}. Add --yes to do it all the same"))
    sys.stderr.write("".join(f"{legible(warning)}\n" for warning in says) + f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise CommandError("nothing was changed")


def user_name() -> str:
    """Who is at the terminal, for the record."""
    return legible(os_user())


def read_json(path: str) -> Any:
    """The JSON in a file ("-" for standard input). Raises CommandError, saying where it is wrong."""
    name = "standard input" if path == "-" else path
    try:
        text = (sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CommandError(f"cannot read {name}: it is not UTF-8 text ({error})") from error
    except (OSError, ValueError) as error:
        raise CommandError(f"cannot read {name}: {error}") from error
    try:
        return json.loads(text, object_pairs_hook=refuse_duplicate_fields)
    except BadDocument as error:
        raise CommandError(f"{name}: {error.message}") from error
    except json.JSONDecodeError as error:
        raise CommandError(f"{name} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{name} cannot be read as JSON: {error}") from error


def body_of(document: Any) -> Any:
    """The resource itself: request examples of Azure's API specification hold it under parameters.parameters."""
    inner = document.get("parameters") if isinstance(document, dict) else None
    body = inner.get("parameters") if isinstance(inner, dict) else None
    return body if isinstance(body, dict) and "location" in body else document


def whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    """For an argument's `type`."""

    def read(text: str) -> int:
        number = int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else None
        if number is None or not minimum <= number <= maximum:
            raise ArgumentTypeError(f"a whole number from {minimum} to {maximum}, not {show_value(text)}")
        return number

    return read


def read_time(text: str) -> datetime:
    """An ISO 8601 date or time; without a zone it is UTC. For an argument's `type`: raises what argparse turns into its complaint."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            f"a time is written 2018-09-25 or 2018-09-25T14:30+02:00, not {show_value(text)}"
        ) from None
    try:
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:  # in UTC it is beyond the calendar's end
        return datetime.max.replace(tzinfo=UTC) if at.year > 1 else datetime.min.replace(tzinfo=UTC)
