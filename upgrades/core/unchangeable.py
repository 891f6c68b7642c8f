"""Members that a scale set keeps for its life, as Azure has it. A document that leaves one out says nothing of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from upgrades.core.json_edit import edited
from upgrades.core.json_fields import BadDocument, get_field


def _is_other(was: Any, now: Any) -> bool:
    return _plain(was) != _plain(now)


def _is_one_again(was: Any, now: Any) -> bool:
    """A scale set may be spread over several placement groups, never put back into one."""
    return _plain(was) == "false" and _plain(now) == "true"


def _is_other_priority(was: Any, now: Any) -> bool:
    """Low is what Spot was called at first."""
    spot = {"low": "spot"}
    return spot.get(_plain(was), _plain(was)) != spot.get(_plain(now), _plain(now))


def _plain(value: Any) -> str:
    return str(value).lower()


@dataclass(frozen=True, slots=True)
class Unchangeable:
    """`usual`: what Azure takes where nothing is said; None where that depends."""

    path: tuple[str, ...]
    usual: Any
    is_changed: Callable[[Any, Any], bool] = _is_other


UNCHANGEABLE = (
    Unchangeable(("properties", "platformFaultDomainCount"), None),
    Unchangeable(("properties", "orchestrationMode"), "Uniform"),
    Unchangeable(("properties", "singlePlacementGroup"), True, _is_one_again),
    Unchangeable(("properties", "virtualMachineProfile", "priority"), "Regular", _is_other_priority),
    Unchangeable(("extendedLocation", "name"), None),
)


def carried(document: Mapping[str, Any], before: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document with those of `before` that it leaves out."""
    for one in UNCHANGEABLE:
        was = get_field(before, *one.path)
        if (
            was is not None
            and get_field(document, *one.path) is None
            and get_field(document, *one.path[:-1]) is not None
        ):
            document = edited(document, one.path, was)
    return document


def check_unchanged(document: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Raises BadDocument."""
    for one in UNCHANGEABLE:
        was, now = (get_field(which, *one.path) for which in (before, document))
        if now is not None and one.is_changed(one.usual if was is None else was, now):
            raise _refusal(one)


def check_not_taken_away(given: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Of a merge patch, in which a null takes a member away. Raises BadDocument."""
    for one in UNCHANGEABLE:
        if get_field(before, *one.path) is not None and _has_null(given, one.path):
            raise _refusal(one)


def _has_null(given: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(given, Mapping):
            return False
        found = [key for key in given if key.lower() == name.lower()]
        if not found:
            return False
        given = given[found[0]]
    return given is None


def _refusal(one: Unchangeable) -> BadDocument:
    message = f"Changing property '{one.path[-1]}' is not allowed."
    return BadDocument(message, target=".".join(one.path), code="PropertyChangeNotAllowed")
