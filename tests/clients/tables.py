"""Tables of operations as text: what a client is told to do, and under it what its answer must hold.

    virtual_machine_scale_sets.get $GROUP web
        sku.capacity = 3                      this value; JSON, or a word as it stands
        name ~ ^we                            a regular expression finds something
        properties.zones count 0              so many elements
        . has {"name": "web"}                 an element that has at least this
        properties.virtualMachineProfile      is there, and not empty
    virtual_machine_scale_sets.get $GROUP nobody
        ! ResourceNotFound                    is refused, with this code or these words

A line that begins with "#" is a comment. `.` is the whole answer, `a[0].b` a part of it.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

REFUSED = "!"
MISSING = object()
_PART = re.compile(r"[^.\[\]]+|\[-?\d+\]")
_SHAPE = re.compile(r"(?P<path>\S+)(?:\s+(?P<kind>=|~|count|has)\s+(?P<value>.*))?")


@dataclass
class Row:
    """One operation. `holds`: the lines under it."""

    operation: str
    holds: list[str] = field(default_factory=list)

    @property
    def is_refused(self) -> bool:
        return any(line.startswith(REFUSED) for line in self.holds)


def read(file: Path, **values: str) -> list[Row]:
    """The rows, with these values in the place of $NAME."""
    rows: list[Row] = []
    for line in Template(file.read_text()).safe_substitute(values).splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line[0].isspace():
            rows[-1].holds.append(line.strip())
        else:
            rows.append(Row(line))
    return rows


def wrong(row: Row, answer: Any, error: str | None) -> list[str]:
    """What of the row does not hold. `error`: what the client said where it was refused; None where it was not."""
    if error is not None and not row.is_refused:
        return [f"{row.operation}: refused: {error}"]
    found = [_wrong(line, answer, error) for line in row.holds]
    return [f"{row.operation}: {says}" for says in found if says]


def _wrong(line: str, answer: Any, error: str | None) -> str:
    if line.startswith(REFUSED):
        code = line.removeprefix(REFUSED).strip()
        return "" if error is not None and code in error else f"expected {line!r}, and it is {error or 'done'}"
    shape = _SHAPE.fullmatch(line)
    assert shape, f"not a condition: {line}"
    found = at(answer, shape["path"])
    return "" if _holds(found, shape["kind"], shape["value"]) else f"expected {line!r}, and it is {_short(found)}"


def _holds(found: Any, kind: str | None, value: str) -> bool:
    match kind:
        case "=":
            return bool(found == _read(value))
        case "~":
            return isinstance(found, str) and re.search(value, found) is not None
        case "count":
            return isinstance(found, list | dict) and len(found) == int(value)
        case "has":
            return isinstance(found, list) and any(_has(element, _read(value)) for element in found)
        case _:
            return found is not MISSING and found not in (None, "", [], {})


def _has(element: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict) and isinstance(element, dict):
        return all(_has(element.get(name), inner) for name, inner in wanted.items())
    return bool(element == wanted)


def at(answer: Any, path: str) -> Any:
    """The part of an answer at this path; MISSING where there is none."""
    for part in _PART.findall(path):
        try:
            answer = answer[int(part[1:-1])] if part.startswith("[") else answer[part]
        except (LookupError, TypeError):
            return MISSING
    return answer


def _read(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _short(found: Any) -> str:
    return "missing" if found is MISSING else json.dumps(found)[:300]
