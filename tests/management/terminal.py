"""Calling our commands as a person at a terminal does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.stories import nothing_changes, snapshot_equals_events


@dataclass(frozen=True)
class Said:
    out: str
    err: str


def run(*words: str) -> Said:
    """What the command says; its events tell all that it did."""
    out, err = StringIO(), StringIO()
    with snapshot_equals_events():
        call_command(*words, stdout=out, stderr=err)
    return Said(out.getvalue().strip(), err.getvalue().strip())


@contextmanager
def complains(*expected: str) -> Iterator[None]:
    """What happens inside ends in one clear line with these words, and changes nothing."""
    with nothing_changes(), pytest.raises(CommandError) as caught:
        yield
    message = str(caught.value)
    for word in expected:
        assert word in message
    assert "\n" not in message and len(message) < 700, message


def file_of(folder: Path, content: Any, name: str = "model.json") -> str:
    """A file with this document (or these very bytes) in it."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return str(path)
