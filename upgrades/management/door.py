"""What the commands of the terminal have in common: refusals as one clear line, and who is asking."""

import getpass
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from upgrades.commands.errors import Refused


class Door(BaseCommand):
    """A command that calls upgrades.commands. A refusal ends it with exit code 1 and its message on stderr."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except Refused as error:
            raise CommandError(f"{error.code}: {error.message}") from error
        finally:
            connection.close()


def me() -> str:
    """Who is at the terminal, for the record."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "the command line"


def read_json(path: str) -> Any:
    """The JSON in a file ("-" for standard input). Raises CommandError, saying where it is wrong."""
    try:
        text = Path("/dev/stdin" if path == "-" else path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {path}: {error}") from error
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise CommandError(f"{path} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}") from error


def body_of(document: Any) -> Any:
    """The resource itself: request examples of Azure's API specification hold it under parameters.parameters."""
    inner = document.get("parameters") if isinstance(document, dict) else None
    body = inner.get("parameters") if isinstance(inner, dict) else None
    return body if isinstance(body, dict) and "location" in body else document


def read_time(text: str) -> datetime:
    """An ISO 8601 date or time; without a zone it is UTC. Raises CommandError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"a time is written 2018-09-25 or 2018-09-25T14:30+02:00, not {text!r}") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
