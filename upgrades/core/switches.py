"""Recognises fields that hold upgrades back, or are secret, by parts of their names.

In the wrong place such a field has no effect, so it must not be stored as if it had, and a secret must not be shown.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from upgrades.core.json_fields import dotted_path, printable
from upgrades.core.nearest import letters_and_digits

# A part of each switch's name, as `letters_and_digits` writes it: with a misspelling elsewhere in the name, the field is still recognised.
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
# Whole names of fields that may hold a source of health.
NAMES = frozenset({"extension", "extensions", "extensionprofile"})


def switch_in(name: str, value: Any) -> tuple[str, str] | None:
    """(name, place) of the first such field: the field `name` itself, or one within its value; None if there is none."""
    return next(_switches(name, value, printable(name)), None)


def _switches(name: str, value: Any, at: str) -> Iterator[tuple[str, str]]:
    given = letters_and_digits(name)
    if given in NAMES or any(part in given for part in PARTS + SECRETS):
        yield name, at
    if isinstance(value, Mapping):
        for inner, inner_value in value.items():
            yield from _switches(inner, inner_value, dotted_path(at, printable(inner)))
    elif isinstance(value, list):
        for index, inner_value in enumerate(value):
            yield from _switches("", inner_value, f"{at}[{index}]")
