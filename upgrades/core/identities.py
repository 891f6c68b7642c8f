"""Removes managed identities that the identity type of a document excludes."""

from collections.abc import Mapping
from typing import Any

from upgrades.core.json_fields import get_field
from upgrades.core.spellings import without_field


def without_excluded_identities(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document without the identities that its identity type excludes.

    Type None removes all of `identity`; a type without UserAssigned removes the identities assigned by users.
    """
    identity = get_field(document, "identity")
    if not isinstance(identity, Mapping):
        return document
    type = str(get_field(identity, "type") or "").lower()
    if type == "none":
        return without_field(document, "identity")
    if not type or "userassigned" in type:
        return document
    return without_field(without_field(document, "identity", "userAssignedIdentities"), "identity", "identityIds")
