"""What a PUT says of a single instance beside its protection: it must be what is there, since nothing of it can be changed.

Clients send a whole instance back as they got it, with one member changed. A change that is passed over looks like one that was made.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from upgrades.arm.errors import ArmError
from upgrades.core.json_fields import get_field

# What Azure changes of an instance. All else is Azure's to say, and may have become something else since a client asked.
CHANGED_IN_AZURE: Sequence[Sequence[str]] = (
    ("tags",),
    ("identity",),
    ("plan",),
    *(
        ("properties", *path)
        for path in (
            ("additionalCapabilities",),
            ("availabilitySet",),
            ("diagnosticsProfile",),
            ("hardwareProfile",),
            ("licenseType",),
            ("networkProfile",),
            ("networkProfileConfiguration",),
            ("osProfile",),
            ("securityProfile",),
            ("storageProfile", "dataDisks"),
            ("userData",),
        )
    ),
)
INSTEAD = (
    "put it into the model of the scale set (virtualMachineProfile, tags), and bring the instance to it (manualupgrade)"
)


def check(given: Mapping[str, Any], shown: Mapping[str, Any]) -> None:
    """Raises ArmError for the first part that is not as it is shown. What is left out, or empty, asks for nothing."""
    for path in CHANGED_IN_AZURE:
        if found := _changed(get_field(given, *path), get_field(shown, *path), ".".join(path)):
            message = (
                f"{found} cannot be changed: of a single instance that is properties.protectionPolicy alone; {INSTEAD}"
            )
            raise ArmError("PropertyChangeNotAllowed", message, target=found)


def _changed(given: Any, shown: Any, path: str) -> str | None:
    """Where the two differ; None where they do not."""
    if given is None or given is False or (given in ("", [], {}) and not shown):
        return None
    if isinstance(given, Mapping):
        if not isinstance(shown, Mapping | None):
            return path
        parts = (_changed(value, get_field(shown or {}, name), f"{path}.{name}"[:300]) for name, value in given.items())
        return next(filter(None, parts), None)
    if isinstance(given, Sequence) and not isinstance(given, str):
        if not isinstance(shown, Sequence) or len(given) != len(shown):
            return path
        places = enumerate(zip(given, shown, strict=True))
        elements = (_changed(wanted, there, f"{path}[{at}]") for at, (wanted, there) in places)
        return next(filter(None, elements), None)
    return None if str(given).lower() == str(shown).lower() else path
