"""What a client sends, put into what is there.

A PUT keeps what it does not speak of, in the elements of lists too as far as these have names; what a whole document takes away by
leaving it out is a second step: leaving_out.py. A PATCH does but for lists, and a null in it takes a field away (RFC 7396). Tags are
replaced whole. Whatever comes back just as it was shown is no change, so that a GET and a PUT of its answer leave everything as it was,
however it is spelled.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from upgrades.arm.spelling import Names
from upgrades.core import unknown_fields
from upgrades.core.equality import same
from upgrades.core.json_fields import BadDocument, get_field, printable
from upgrades.core.secrets import INSTEAD, name_of
from upgrades.core.spellings import without_field

WHOLE = frozenset({"tags", "settings"})  # names in them are the client's own
READ_ONLY = frozenset({"id", "name", "type", "etag", "systemdata", "resourcegroup"})
READ_ONLY_PROPERTIES = frozenset({"provisioningstate", "uniqueid", "timecreated", "resourceguid"})


def merged(
    before: Mapping[str, Any], given: Mapping[str, Any], shown: Mapping[str, Any], *, removes: bool
) -> dict[str, Any]:
    """`shown`: how `before` looks to clients. `removes`: a null takes a field away; otherwise it says nothing."""
    after = dict(before)
    stored, seen = Names(after), Names(shown)
    for given_name, value in given.items():
        name, as_shown = stored.find(given_name), shown.get(seen.find(given_name))
        if value is None:
            for spelling in stored.take(given_name) if removes else ():
                del after[spelling]
        elif not same(value, as_shown):
            if name not in after:
                stored.add(name)
            after[name] = _merged_value(name, after.get(name), value, as_shown, removes=removes)
            _drop_instead(after, stored, given, given_name)
    return after


def _drop_instead(after: dict[str, Any], stored: Names, given: Mapping[str, Any], name: str) -> None:
    """Of two fields that exclude each other the one that comes counts: protectedSettings, or the vault that has them."""
    other = INSTEAD.get(name.lower())
    if other is not None and get_field(given, other) is None:
        for spelling in stored.take(other):
            del after[spelling]


def _merged_value(name: str, stored: Any, value: Any, as_shown: Any, *, removes: bool) -> Any:
    if isinstance(value, list) and isinstance(stored, list) and not removes:
        return _merged_list(stored, value, as_shown if isinstance(as_shown, list) else [])
    if not isinstance(value, Mapping) or name.lower() in WHOLE:
        return value
    if not isinstance(stored, Mapping) or _is_of_another_kind(name, stored, value, removes=removes):
        return merged({}, value, {}, removes=removes)  # nothing of the old one belongs to it
    return merged(stored, value, as_shown if isinstance(as_shown, Mapping) else {}, removes=removes)


def _merged_list(stored: list[Any], given: list[Any], as_shown: list[Any]) -> list[Any]:
    """Which elements there are, and in which order, is the client's; each keeps what it had under its name."""
    before, seen = _by_name(stored), _by_name(as_shown)
    return [_merged_element(element, before, seen) for element in given]


def _merged_element(element: Any, before: Mapping[str, Any], seen: Mapping[str, Any]) -> Any:
    name = name_of(element)
    if name is None or name not in before:
        return element
    rest = without_field(element, "name")  # which stays as it is spelled
    return merged(before[name], rest, seen.get(name, {}), removes=False)


def _by_name(elements: list[Any]) -> dict[str, Any]:
    """Those whose names are theirs alone."""
    names = Counter(name_of(element) for element in elements)
    return {name: element for element in elements if (name := name_of(element)) is not None and names[name] == 1}


def _is_of_another_kind(name: str, stored: Mapping[str, Any], value: Mapping[str, Any], *, removes: bool) -> bool:
    """An image by id instead of by name, a tcp probe instead of an http one, an extension of another type."""
    if name.lower() == "imagereference":
        return (get_field(value, "id") is None) != (get_field(stored, "id") is None)
    if name.lower() != "properties" or removes:
        return False
    kinds = [(get_field(stored, kind), get_field(value, kind)) for kind in ("protocol", "publisher", "type")]
    return any(None not in (was, now) and str(was).lower() != str(now).lower() for was, now in kinds)


def without_read_only(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a client may say of a resource: not what only the server knows."""
    kept = {name: value for name, value in body.items() if name.lower() not in READ_ONLY}
    properties = Names(kept).find("properties")
    if isinstance(kept.get(properties), Mapping):
        inner = kept[properties].items()
        kept[properties] = {name: value for name, value in inner if name.lower() not in READ_ONLY_PROPERTIES}
    return kept


def tags_alone(body: Mapping[str, Any], type: str, shown: Mapping[str, Any]) -> dict[str, Any]:
    """The tags of a PATCH's body. Raises BadDocument for unknown fields, and for a body that changes other fields alone.

    `shown`: how the resource looks to clients.
    """
    unknown_fields.check(body, type, shown)
    tags = {name: value for name, value in body.items() if name.lower() == "tags"}
    rest = without_field(body, "tags")
    vain = differences(shown, merged(shown, rest, shown, removes=True))
    if vain and not tags:
        place = printable(".".join(min(vain)))
        message = f"{place}: a PATCH of this resource changes its tags only. Change it with a PUT of the whole resource"
        raise BadDocument(message, target=place, code="InvalidRequestContent")
    return tags


def differences(before: Any, after: Any, at: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """The places (names in lower case) whose values differ; a list is one place. Of two spellings of a name each counts."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return {
            place
            for name in {*before, *after}
            for place in differences(before.get(name), after.get(name), (*at, name.lower()))
        }
    return set() if same(before, after) else {at}
