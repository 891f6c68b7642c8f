"""What an action changed, for the audit trail: only what differs, without secrets, and short, because it is kept for years."""

import json
from collections.abc import Mapping
from typing import Any

from upgrades.core.masking import HIDDEN, without_secrets

Json = dict[str, Any]

MAX_TEXT = 300  # characters of one text
MAX_ITEMS = 50  # elements of one list or fields of one object
MAX_DEPTH = 12
MAX_LENGTH = 8_000  # characters of all the differences, as JSON
CHANGED = f"{HIDDEN} (another one)"


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Json, Json]:
    """(the fields that differ as they were, the same as they are now). Both are empty where nothing changed.

    A secret shows as ***, and a secret that was changed says "(another one)" in the second.
    """
    was, now = _differing(before, after)
    hidden_was, hidden_now = without_secrets(was), _with_changes_marked(without_secrets(was), without_secrets(now))
    return shortened(hidden_was), shortened(hidden_now)


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Json, Json]:
    was: Json = {}
    now: Json = {}
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            old, new = _differing(old, new)
            is_same = not old and not new
        else:
            is_same = name in before and name in after and _text(old) == _text(new)
        if not is_same:
            was |= {name: old} if name in before else {}
            now |= {name: new} if name in after else {}
    return was, now


def _text(value: Any) -> str:
    """A value as JSON text, to compare by: Python would take 1, 1.0 and True for equal."""
    return json.dumps(value, sort_keys=True, default=str)


def _with_changes_marked(was: Any, now: Any) -> Any:
    """`now`, with CHANGED for each secret that is also in `was`. Secrets that have not changed are in neither."""
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        return {name: _with_changes_marked(was.get(name), value) for name, value in now.items()}
    return CHANGED if was == now == HIDDEN else now


def shortened(value: Json) -> Json:
    """The value cut to the limits above, with a note wherever something was cut."""
    short: Json = _short(value, MAX_DEPTH)
    length = len(json.dumps(short))
    if length <= MAX_LENGTH:
        return short
    return {"too long to be kept": f"{length} characters", "names": list(short)[:MAX_ITEMS]}


def _short(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return one_line(value, MAX_TEXT)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if abs(value) < 1e15 else str(value)
    if depth == 0:
        return "..."
    if isinstance(value, Mapping):
        items = list(value.items())
        short = {one_line(str(name), MAX_TEXT): _short(inner, depth - 1) for name, inner in items[:MAX_ITEMS]}
        return {**short, "...": f"and {len(items) - MAX_ITEMS} more"} if len(items) > MAX_ITEMS else short
    if isinstance(value, list | tuple):
        shortened = [_short(element, depth - 1) for element in value[:MAX_ITEMS]]
        return [*shortened, f"... and {len(value) - MAX_ITEMS} more"] if len(value) > MAX_ITEMS else shortened
    return one_line(str(value), MAX_TEXT)


def one_line(text: str, max_length: int) -> str:
    """The text in one line of at most `max_length` characters. Unprintable ones become "?": no database or terminal should get them."""
    shortened = text if len(text) <= max_length else f"{text[: max_length - 3]}..."
    return "".join(letter if letter.isprintable() else "?" for letter in shortened)
