"""Finds what no version of Azure's API knows: unknown fields, unknown values of enumerations, and fields that are given twice.

Objects with a switch that is obeyed here, or with a field that asks for caution, are closed: an unknown field in them is refused, because
a misspelt switch would be ignored. New versions of Azure add fields to other objects, so an unknown field in those is kept and reported,
unless it is such a switch in the wrong place. What the stored document has already, and comes back unchanged, may stay.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from upgrades.core import azure_types
from upgrades.core.azure_types import element, enum_values, fields_of
from upgrades.core.equality import same
from upgrades.core.json_fields import BadDocument, dotted_path, printable, show_value
from upgrades.core.nearest import suggestion_for
from upgrades.core.secrets import name_of
from upgrades.core.switches import switch_in

CLOSED = frozenset(
    {
        azure_types.SCALE_SET,
        "VirtualMachineScaleSet.properties",
        "UpgradePolicy",
        "AutomaticOSUpgradePolicy",
        "RollingUpgradePolicy",
        "Sku",
        "ImageReference",
        azure_types.INSTANCE,
        "VirtualMachineScaleSetVM.properties",
        "VirtualMachineScaleSetVMProtectionPolicy",
        azure_types.LOAD_BALANCER,
        "LoadBalancer.properties",
        "LoadBalancerSku",
        "Probe",
        "Probe.properties",
        azure_types.RESOURCE_GROUP,
        "ResourceGroup.properties",
        "LifecycleHooksProfile",
        "LifecycleHook",
        "ExternalHealthPolicy",
        "ServiceArtifactReference",
        "ScheduledEventsProfile",
        "OSImageNotificationProfile",
        "TerminateNotificationProfile",
        "ScheduledEventsPolicy",
        "AllInstancesDown",
        "UserInitiatedReboot",
        "UserInitiatedRedeploy",
    }
)
RESOURCE_TYPES = frozenset(
    {azure_types.SCALE_SET, azure_types.INSTANCE, azure_types.LOAD_BALANCER, azure_types.RESOURCE_GROUP}
)
# Fields that Azure's command line adds to everything it prints.
ADDED_BY_CLI = frozenset({"resourcegroup"})


@dataclass(frozen=True, slots=True)
class UnknownField:
    """Something unknown in a document. `place`: where it is. `code`: Azure's error code.

    `is_refused`: a new document must not have it. `vanishes_in_merge`: it disappears when the request is merged with the stored document.
    """

    place: str
    make_message: Callable[[], str]  # called only where the message is shown: it searches for the nearest known name
    code: str
    is_refused: bool = True
    vanishes_in_merge: bool = False

    @property
    def message(self) -> str:
        return self.make_message()


def check(document: Mapping[str, Any], type: str, before: Mapping[str, Any] | None = None) -> None:
    """Raises BadDocument for the first unknown field that is refused. `before`: the stored document, whose values may stay."""
    for field in find_unknown(document, type, before):
        if field.is_refused:
            raise BadDocument(field.message, target=field.place, code=field.code)


def check_request(given: Mapping[str, Any], type: str, before: Mapping[str, Any] | None) -> None:
    """Raises BadDocument for what only a request shows, before it is merged: an unknown field with a null, or one field in two spellings.

    Both disappear when the request is merged with the stored document. `check` finds everything else in the merged document.
    """
    for field in find_unknown(given, type, before):
        if field.is_refused and field.vanishes_in_merge:
            raise BadDocument(field.message, target=field.place, code=field.code)


def find_unknown(document: Any, type: str, before: Any = None) -> Iterator[UnknownField]:
    """Everything unknown in the document that is not in `before` already, in the order of the document."""
    yield from _value(document, type, "", before)


def _value(value: Any, type: str, path: str, before: Any) -> Iterator[UnknownField]:
    if value is None:
        return
    if isinstance(value, list) and type.startswith("["):
        for index, (item, was) in enumerate(_pairs(value, before)):
            yield from _value(item, element(type), f"{path}[{index}]", was)
    elif enum_values(type):
        if not _is_enum_value(value, type) and not same(value, before):
            yield _bad_enum_value(value, type, path)
    elif isinstance(value, Mapping) and fields_of(type):
        yield from _object(value, type, path, before if isinstance(before, Mapping) else {})


def _pairs(elements: Sequence[Any], before: Any) -> Iterator[tuple[Any, Any]]:
    """(element, the stored element of the same name; of the same index if it has no name; None if there is none)."""
    old = before if isinstance(before, list) else []
    named = {name: item for item in old if (name := name_of(item)) is not None}
    for index, item in enumerate(elements):
        name = name_of(item)
        yield item, named.get(name) if name is not None else (old[index] if index < len(old) else None)


def _object(body: Mapping[str, Any], type: str, path: str, before: Mapping[str, Any]) -> Iterator[UnknownField]:
    known, old = fields_of(type), by_spelling(before)
    spelled: dict[str, str] = {}
    for name, value in body.items():
        lower_name, place = name.lower(), dotted_path(path, printable(name))
        if lower_name in spelled and not (name in before and spelled[lower_name] in before):
            yield _duplicate(name, spelled[lower_name], place)
        spelled[lower_name] = name
        field = known.get(lower_name)
        if field is None or (type in CLOSED and field.is_preview_only):
            if not _may_stay(lower_name, value, old):
                yield _unknown(name, value, type, path)
        elif not field.is_read_only:
            yield from _value(value, field.type, place, old.get(name, old.get(lower_name)))


def by_spelling(before: Any) -> dict[str, Any]:
    """The fields of a stored object, by their own spelling and also in lower case. Old documents may have a field in two spellings."""
    if not isinstance(before, Mapping):
        return {}
    return {**{name.lower(): value for name, value in before.items()}, **before}


def _may_stay(name: str, value: Any, old: Mapping[str, Any]) -> bool:
    """May this unknown field stay, because the stored document has it, or because the command line adds it?"""
    return name in ADDED_BY_CLI or (name in old and (value is None or same(value, old[name])))


def _unknown(name: str, value: Any, type: str, path: str) -> UnknownField:
    place = dotted_path(path, printable(name))
    if type in CLOSED:
        code = "InvalidRequestContent" if type in RESOURCE_TYPES else "BadRequest"
        return UnknownField(place, partial(_missing_message, name, type, place), code, vanishes_in_merge=value is None)
    found = switch_in(name, value)
    if found is None:
        return UnknownField(place, partial(_kept_message, name, type, place), "BadRequest", is_refused=False)
    switch, place = found[0], dotted_path(path, found[1])
    return UnknownField(
        place, partial(_missing_message, switch, type, place), "BadRequest", vanishes_in_merge=value is None
    )


def _kept_message(name: str, type: str, place: str) -> str:
    nearest = suggestion_for(name, type)
    return f"{place} is in no version of the API that is known here: it is kept and does nothing. {nearest}".strip()


def _missing_message(name: str, type: str, place: str) -> str:
    owner = "ResourceDefinition" if type in RESOURCE_TYPES else type.replace(".properties", "Properties")
    missing = f"Could not find member '{printable(name)}' on object of type '{owner}'. Path '{place}'."
    suggestion = (
        suggestion_for(name, type)
        or f"What there is: {', '.join(sorted(field.name for field in fields_of(type).values()))}."
    )
    if type in RESOURCE_TYPES:
        return f"The request content was invalid and could not be deserialized: '{missing}' {suggestion}"
    return f"{missing} {suggestion}"


def _duplicate(name: str, other: str, place: str) -> UnknownField:
    both = f"'{printable(other)}' and '{printable(name)}'"
    message = f"{place}: this field is given twice, as {both}; field names are case-insensitive. Leave one of them out"
    return UnknownField(place, lambda: message, "InvalidRequestContent", vanishes_in_merge=True)


def _is_enum_value(value: Any, type: str) -> bool:
    return isinstance(value, str) and enum_spelling(value, type) is not None


def enum_spelling(value: str, type: str) -> str | None:
    """The value as Azure spells it in this enumeration; None where the enumeration does not have it."""
    return enum_values(type).get(", ".join(part.strip() for part in value.lower().split(",")))


def _bad_enum_value(value: Any, type: str, path: str) -> UnknownField:
    allowed = ", ".join(enum_values(type).values())
    message = f"The value {show_value(value)} of parameter '{path}' is not allowed. Allowed values are: {allowed}."
    return UnknownField(path, lambda: message, "InvalidParameter")
