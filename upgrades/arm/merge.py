"""What a client sends, put into what is there.

A PUT keeps what it does not speak of (Azure's own tools leave out what they do not change); a PATCH does too, and a null in it takes a
member away (RFC 7396). Lists and tags are replaced whole. Whatever comes back just as it was shown is no change, so that a GET and a
PUT of its answer leave everything as it was, however it is spelled in there.
"""

from collections.abc import Mapping
from typing import Any

WHOLE = frozenset({"tags", "settings"})  # names in them are the client's own
READ_ONLY = frozenset({"id", "name", "type", "etag", "systemdata", "resourcegroup"})
READ_ONLY_PROPERTIES = frozenset({"provisioningstate", "uniqueid", "timecreated", "resourceguid"})


def merged(
    before: Mapping[str, Any], given: Mapping[str, Any], shown: Mapping[str, Any], *, removes: bool
) -> dict[str, Any]:
    """`shown`: how `before` looks to clients. `removes`: a null takes a member away; otherwise it says nothing."""
    after = dict(before)
    for given_name, value in given.items():
        name = spelled(after, given_name)
        as_shown = shown.get(spelled(shown, given_name))
        if value is None:
            if removes:
                _remove(after, given_name)
            else:
                after.setdefault(name, None)
        elif value != as_shown or type(value) is not type(as_shown):
            after[name] = _merged_value(name, after.get(name), value, as_shown, removes=removes)
    return after


def _merged_value(name: str, stored: Any, value: Any, as_shown: Any, *, removes: bool) -> Any:
    if not isinstance(value, Mapping) or not isinstance(stored, Mapping) or name.lower() in WHOLE:
        return value
    if name.lower() == "imagereference" and _is_by_id(value) != _is_by_id(stored):
        return value  # another kind of image: nothing of the old one's name belongs to it
    return merged(stored, value, as_shown if isinstance(as_shown, Mapping) else {}, removes=removes)


def _is_by_id(image: Mapping[str, Any]) -> bool:
    return image.get(spelled(image, "id")) is not None


def _remove(body: dict[str, Any], name: str) -> None:
    for key in [key for key in body if key.lower() == name.lower()]:
        del body[key]


def spelled(body: Mapping[str, Any], name: str) -> str:
    """The name under which the member stands there; the given one where it does not."""
    if body.get(name) is not None:
        return name
    alike = [key for key in body if key.lower() == name.lower()]
    return next((key for key in alike if body[key] is not None), alike[0] if alike else name)


def without_read_only(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a client may say of a resource: not what only the server knows."""
    kept = {name: value for name, value in body.items() if name.lower() not in READ_ONLY}
    properties = spelled(kept, "properties")
    if isinstance(kept.get(properties), Mapping):
        inner = kept[properties].items()
        kept[properties] = {name: value for name, value in inner if name.lower() not in READ_ONLY_PROPERTIES}
    return kept


def differences(before: Any, after: Any, at: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """The places (names in lower case) whose values differ; a list is one place."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = {name.lower(): name for name in (*before, *after)}
        return {
            place
            for lower, name in names.items()
            for place in differences(before.get(spelled(before, name)), after.get(spelled(after, name)), (*at, lower))
        }
    return set() if before == after else {at}
