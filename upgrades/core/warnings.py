"""Warnings about fields of a scale set's document that are kept but do nothing here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from upgrades.core import azure_types, cautions, requirements, unknown_fields

MAX_WARNINGS = 100  # of unknown fields: nobody reads more


@dataclass(frozen=True, slots=True)
class DocumentWarning:
    """One warning. `place`: the path of the field. `is_relied_on`: the client relies on the field, which would be refused today."""

    place: str
    text: str
    is_relied_on: bool


def warnings_of(document: Mapping[str, Any]) -> list[DocumentWarning]:
    """All warnings about a stored document; first those about fields that the client relies on."""
    asked = (*cautions.warnings(document), *requirements.warnings(document))
    found = [*(DocumentWarning(place, text, True) for place, text in asked), *_unknown_fields(document)]
    return sorted(found, key=lambda warning: not warning.is_relied_on)


def _unknown_fields(document: Mapping[str, Any]) -> Iterator[DocumentWarning]:
    for field in islice(unknown_fields.find_unknown(document, azure_types.SCALE_SET), MAX_WARNINGS):
        yield DocumentWarning(field.place, field.message, field.is_refused)
