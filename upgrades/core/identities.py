"""Removes managed identities from a scale set's document that contradict their `type`."""

from collections.abc import Mapping
from typing import Any

from upgrades.core.json_fields import get_field


def without_idle_identities(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document without identities that its identity type excludes.

    Type None removes all of `identity`; a type without UserAssigned removes the identities assigned by users.
    """
    identity = get_field(document, "identity")
    if not isinstance(identity, Mapping):
        return document
    type = str(get_field(identity, "type") or "").lower()
    if type == "none":
        return {name: value for name, value in document.items() if name.lower() != "identity"}
    if not type or "userassigned" in type:
        return document
    kept = {
        name: value for name, value in identity.items() if name.lower() not in ("userassignedidentities", "identityids")
    }
    return {name: kept if name.lower() == "identity" else value for name, value in document.items()}
