"""Recognises what a client sent instead of a resource: a template, a list, or what a tool or an SDK printed."""

from collections.abc import Mapping
from typing import Any

from upgrades.core.azure_types import fields_of
from upgrades.core.json_fields import BadDocument, printable, show_value
from upgrades.core.nearest import letters_and_digits

# Names under which a resource may be wrapped: az vmss create prints {"vmss": {...}}, examples of Azure's specification use parameters.
WRAPPERS = ("vmss", "parameters", "resource", "properties")


def check_is_resource(document: object, type: str, resource_type: str, noun: str) -> None:
    """Raises BadDocument for a document that is recognised as something other than this resource; the message says as what.

    `type`: the name of the type in azure_types. `resource_type`: such as "Microsoft.Compute/virtualMachineScaleSets". `noun`: what people
    call the resource.
    """
    if not isinstance(document, Mapping):
        advice = "; give one resource of it" if isinstance(document, list) else ""
        raise BadDocument(f"a {noun}'s document is a JSON object, not {show_value(document)}{advice}")
    names = {name.lower() for name in document}
    what = (
        _template(names, resource_type)
        or _another_resource(document, resource_type)
        or _wrapped(document, names, resource_type)
        or _flattened(document, type)
    )
    if what is not None:
        raise BadDocument(f"this is {what}", code="InvalidRequestContent")


def _template(names: set[str], resource_type: str) -> str | None:
    if "resources" in names and names & {"$schema", "contentversion", "parameters", "variables"}:
        return (
            f"a whole template, not a resource: give the element of its resources whose type is {resource_type}, "
            "with all expressions evaluated"
        )
    if "$schema" in names or "contentversion" in names:
        return "a file of a template's parameters, not a resource: a resource has location and properties at its top"
    if "apiversion" in names or "dependson" in names:
        return "a resource of a template: leave out apiVersion, dependsOn, name and type, and evaluate all expressions in it"
    return None


def _another_resource(document: Mapping[str, Any], resource_type: str) -> str | None:
    given = next((value for name, value in document.items() if name.lower() == "type"), None)
    if isinstance(given, str) and "/" in given and given.strip("/").lower() != resource_type.lower():
        return f"a resource of type {printable(given)}, not {resource_type}"
    return None


def _wrapped(document: Mapping[str, Any], names: set[str], resource_type: str) -> str | None:
    if isinstance(document.get("value"), list):
        return "a list as a GET answers it, not one resource: give the element of its value that is meant"
    inner = next((name for name in document if name.lower() in WRAPPERS and _is_resource(document[name])), None)
    if inner is not None and not names & {"location", "sku"}:
        return f"a resource within {printable(inner)!r}, as a tool printed it: give what is in there, a {resource_type}"
    return None


def _is_resource(value: object) -> bool:
    return isinstance(value, Mapping) and {"location", "properties"} <= {name.lower() for name in value}


def _flattened(document: Mapping[str, Any], type: str) -> str | None:
    """The complaint about a document whose `properties` were moved to the top, as SDKs and the command line show them; None if not."""
    top, inner = (
        fields_of(type),
        {letters_and_digits(field.name): field.name for field in fields_of(f"{type}.properties").values()},
    )
    misplaced = [name for name in document if name.lower() not in top and letters_and_digits(name) in inner]
    if len(misplaced) < 2 or any(name.lower() == "properties" for name in document):
        return None
    wrong, right = printable(misplaced[0]), inner[letters_and_digits(misplaced[0])]
    return (
        f"a flattened object, as an SDK or the command line shows it, not a resource: {wrong!r} is properties.{right} in a resource, "
        "and names are in camelCase, such as upgradePolicy and enableAutomaticOSUpgrade"
    )
