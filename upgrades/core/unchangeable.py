"""Fields of a scale set that Azure never lets change after its creation. A document that leaves such a field out keeps it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from upgrades.core.json_edit import edited
from upgrades.core.json_fields import BadDocument, get_field


def _is_other(was: Any, now: Any) -> bool:
    return _plain(was) != _plain(now)


def _is_single_again(was: Any, now: Any) -> bool:
    """Is it changed from several placement groups back to a single one? Only this direction is refused."""
    return _plain(was) == "false" and _plain(now) == "true"


def _is_other_priority(was: Any, now: Any) -> bool:
    """Is the priority another one? Low is the former name of Spot."""
    spot = {"low": "spot"}
    return spot.get(_plain(was), _plain(was)) != spot.get(_plain(now), _plain(now))


def _plain(value: Any) -> str:
    return str(value).lower()


@dataclass(frozen=True, slots=True)
class Unchangeable:
    """A field that cannot change. `default`: Azure's default for it, None where that depends. `is_changed`: compares old and new value."""

    path: tuple[str, ...]
    default: Any
    is_changed: Callable[[Any, Any], bool] = _is_other


UNCHANGEABLE = (
    Unchangeable(("properties", "platformFaultDomainCount"), None),
    Unchangeable(("properties", "orchestrationMode"), "Uniform"),
    Unchangeable(("properties", "singlePlacementGroup"), True, _is_single_again),
    Unchangeable(("properties", "virtualMachineProfile", "priority"), "Regular", _is_other_priority),
    Unchangeable(("extendedLocation", "name"), None),
)


def with_unchangeable_of(document: Mapping[str, Any], before: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the unchangeable fields of `before` that the document leaves out, if it has the object that holds them."""
    for unchangeable in UNCHANGEABLE:
        was = get_field(before, *unchangeable.path)
        if (
            was is not None
            and get_field(document, *unchangeable.path) is None
            and get_field(document, *unchangeable.path[:-1]) is not None
        ):
            document = edited(document, unchangeable.path, was)
    return document


def check_unchanged(document: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Raises BadDocument where an unchangeable field has another value than in `before`, the stored document."""
    for unchangeable in UNCHANGEABLE:
        was, now = (get_field(which, *unchangeable.path) for which in (before, document))
        if now is not None and unchangeable.is_changed(unchangeable.default if was is None else was, now):
            raise _refusal(unchangeable)


def check_not_removed(given: Mapping[str, Any], before: Mapping[str, Any]) -> None:
    """Raises BadDocument for a merge patch (`given`) with a null for an unchangeable field, which would remove it."""
    for unchangeable in UNCHANGEABLE:
        if get_field(before, *unchangeable.path) is not None and _has_null(given, unchangeable.path):
            raise _refusal(unchangeable)


def _has_null(given: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(given, Mapping):
            return False
        found = [key for key in given if key.lower() == name.lower()]
        if not found:
            return False
        given = given[found[0]]
    return given is None


def _refusal(unchangeable: Unchangeable) -> BadDocument:
    message = f"Changing property '{unchangeable.path[-1]}' is not allowed."
    return BadDocument(message, target=".".join(unchangeable.path), code="PropertyChangeNotAllowed")
