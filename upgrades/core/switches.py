"""Members that hold upgrades back, or are secret, by what is in their names: at a wrong place one of them must not be stored, or shown."""

from collections.abc import Iterator, Mapping
from typing import Any

from upgrades.core.json_fields import dotted_path, printable
from upgrades.core.nearest import plain

# A part of each name, as `plain` has it, that a slip in another part leaves as it is.
PARTS = (
    "automaticos",
    "automaticallyappro",
    "batchinstance",
    "crosszoneupgrade",
    "externalhealth",
    "fromscale",
    "healthprobe",
    "imagenotification",
    "lifecyclehook",
    "maxsurge",
    "osupgrade",
    "pausetimebetween",
    "prioritizeunhealthy",
    "protectfrom",
    "protectionpolicy",
    "provisionafter",
    "rollbackfailed",
    "rollingupgrade",
    "scheduledevents",
    "serviceartifact",
    "terminatenotification",
    "unhealthyinstance",
    "unhealthyupgraded",
    "upgradedeferral",
    "upgradepolicy",
)
SECRETS = ("adminpas", "customdat", "protectedset", "unattend", "userdat")
# Whole names: a source of health may stand in them.
NAMES = frozenset({"extension", "extensions", "extensionprofile"})


def switch_in(name: str, value: Any) -> tuple[str, str] | None:
    """(its name, its place) of the first such member: the one of that name, or one within its value."""
    return next(_switches(name, value, printable(name)), None)


def _switches(name: str, value: Any, at: str) -> Iterator[tuple[str, str]]:
    given = plain(name)
    if given in NAMES or any(part in given for part in PARTS + SECRETS):
        yield name, at
    if isinstance(value, Mapping):
        for inner, one in value.items():
            yield from _switches(inner, one, dotted_path(at, printable(inner)))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _switches("", one, f"{at}[{index}]")
