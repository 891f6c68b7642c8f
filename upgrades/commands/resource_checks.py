"""Checks the documents of stored resources. A value that is stored already and comes back unchanged passes."""

import re
from collections.abc import Mapping
from typing import Any

from upgrades import catalog
from upgrades.commands.errors import Refused, refusing
from upgrades.core import limits, typed, unknown_fields
from upgrades.core.json_fields import (
    BadDocument,
    check_json,
    check_tags,
    get_field,
    read_object,
    read_objects,
    read_str,
    show_value,
)
from upgrades.core.masking import SECRET_FIELDS
from upgrades.core.resource_check import check_is_resource
from upgrades.core.resource_kinds import LOAD_BALANCER, ResourceKind
from upgrades.models import Location

Document = Mapping[str, Any]
_NAME = re.compile(r"\w(?:[\w.-]{0,78}\w)?", re.ASCII)
BAD_NAME = (
    "the name {name} is invalid: it has at most 80 letters, digits, '_', '.' and '-', "
    "and begins and ends with a letter, a digit or '_'"
)
# Of kinds that may have secrets: these, and the certificates of a gateway. They are never stored.
NEVER_STORED = SECRET_FIELDS | {"password", "data"}


def find_location(name: str, kind: ResourceKind) -> Location:
    location = catalog.find_location(name)
    if location is None:
        what = kind.type.partition("/")[2]
        message = f"there is no location {show_value(name)} for {what}; the admin site lists them"
        raise Refused("LocationNotAvailableForResourceType", message, target="location")
    return location


def check_document(document: object, kind: ResourceKind, before: Document | None) -> str:
    """Check the document and return the name of its location. Raises Refused where anything in it is wrong."""
    with refusing():
        check_is_resource(document, kind.model, kind.type, kind.noun)
        assert isinstance(document, Mapping)
        check_json(document)
        limits.check_size(document, before, limits.MAX_PARTS_OF_A_RESOURCE, limits.lists_of(kind))
        unknown_fields.check(document, kind.model, before)
        check_tags(document)
        read_object(document, "properties")  # raises BadDocument where it is no object
        for part in kind.parts:
            for parent, element in read_objects(document, "properties", part):
                read_object(element, "properties", parent=parent)
        limits.check_resource(document, kind, before)
        _check_names(document, kind, before)
        return read_str(document, "location", required=True)


def check_types(document: Document, kind: ResourceKind, before: Document | None) -> None:
    with refusing():
        typed.check_types(document, kind.model, before)


def to_store(document: Document, kind: ResourceKind, before: Document | None) -> dict[str, Any]:
    """What is stored of a document: nothing of a null, and no secret."""
    cleaned: dict[str, Any] = typed.cleaned(document, kind.model, before)
    return _without_secrets(cleaned) if kind.has_secrets else cleaned


def _without_secrets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: inner if name.lower() == "tags" else _without_secrets(inner)
            for name, inner in value.items()
            if name.lower() not in NEVER_STORED
        }
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value


def _check_names(document: Document, kind: ResourceKind, before: Document | None) -> None:
    """Check the names of the parts: a part's name is in its id, so no id could name a part with a slash or a blank in its name."""
    for part in kind.parts:
        is_required = kind != LOAD_BALANCER or part == "probes"
        known_names = {get_field(element, "name") for _, element in read_objects(before, "properties", part)}
        for parent, element in read_objects(document, "properties", part):
            name, target = read_str(element, "name", required=is_required, parent=parent), f"{parent}.name"
            if name and name not in known_names and not _NAME.fullmatch(name):
                message = f"{target}: {BAD_NAME.format(name=show_value(name))}"
                raise BadDocument(message, target=target, code="InvalidResourceName")
