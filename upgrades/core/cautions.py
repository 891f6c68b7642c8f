"""Fields with which a client asks for caution that is not offered here. They are refused, not stored and forgotten.

A table of data. Once one of them works, its entry is removed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from upgrades.core.equality import same
from upgrades.core.json_fields import BadDocument, get_field, show_value

_PROFILE = ("properties", "virtualMachineProfile")
_EVENTS = ("properties", "scheduledEventsPolicy")
_AUTOMATIC = "upgradePolicy.automaticOSUpgradePolicy"


def _is_on(value: Any) -> bool:
    """Is the switch on? A value that cannot be read counts as on."""
    return value is not None and value is not False and str(value).lower() not in ("false", "")


def _is_off(value: Any) -> bool:
    return value is False or str(value).lower() == "false"


def _is_given(value: Any) -> bool:
    return value not in (None, "", [], {})


@dataclass(frozen=True, slots=True)
class Caution:
    """A field that asks for caution. `asks`: whether a value of it asks. `what`: what it asks for. `instead`: what works here."""

    path: tuple[str, ...]
    asks: Callable[[Any], bool]
    what: str
    instead: str


_DEFERRAL = (
    f"{_AUTOMATIC}.osRollingUpgradeDeferral, with which each upgrade waits for approveRollingUpgrade; pausing an upgrade; or an opt-out of "
    "instances (protectionPolicy.protectFromScaleSetActions)"
)
CAUTIONS = (
    Caution(
        ("properties", "lifecycleHooksProfile", "lifecycleHooks"),
        _is_given,
        "for approval before upgrades and batches",
        _DEFERRAL,
    ),
    Caution(
        ("properties", "externalHealthPolicy", "enabled"),
        _is_on,
        "that health reported from outside holds upgrades back",
        "networkProfile.healthProbe or the Application Health extension",
    ),
    Caution(
        (*_PROFILE, "serviceArtifactReference", "id"),
        _is_given,
        "to stay on the image version of an artifact",
        "storageProfile.imageReference.version with that version, and automatic OS upgrades off",
    ),
    Caution(
        (*_PROFILE, "scheduledEventsProfile", "osImageNotificationProfile", "enable"),
        _is_on,
        "that each machine is told before its image is upgraded",
        _DEFERRAL,
    ),
    *(
        Caution((*_EVENTS, event, "automaticallyApprove"), _is_off, what, _DEFERRAL)
        for event, what in (
            ("userInitiatedReboot", "to approve each restart first"),
            ("userInitiatedRedeploy", "to approve each redeployment first"),
            ("allInstancesDown", "to approve first what takes all instances down"),
        )
    ),
)
TERMINATION = (*_PROFILE, "scheduledEventsProfile", "terminateNotificationProfile", "enable")
SURGE = ("properties", "upgradePolicy", "rollingUpgradePolicy", "maxSurge")
SWITCH = ("properties", "upgradePolicy", "automaticOSUpgradePolicy", "enableAutomaticOSUpgrade")
NO_NOTICE = (
    f"{'.'.join(TERMINATION)}: nothing tells an instance here before it is deleted. Shrink the scale set by hand, or keep instances with "
    "protectionPolicy.protectFromScaleIn"
)


def check_cautions(document: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
    """Raises BadDocument for a field that asks for caution. A stored one may stay until automatic upgrades are turned on."""
    turns_on = _is_on(get_field(document, *SWITCH)) and not _is_on(get_field(before, *SWITCH))
    for caution in _asked(document):
        if turns_on or not same(get_field(document, *caution.path), get_field(before, *caution.path)):
            raise BadDocument(_message(caution, document), target=".".join(caution.path), code="BadRequest")
    if _deletes_without_notice(document) and not _deletes_without_notice(before):
        message = f"{NO_NOTICE}; upgrades with rollingUpgradePolicy.maxSurge delete instances: set one of both to false"
        raise BadDocument(message, target=".".join(TERMINATION), code="BadRequest")


def _deletes_without_notice(document: Mapping[str, Any] | None) -> bool:
    """Does it ask for notice of each deletion, and for surge upgrades, which delete instances?"""
    return _is_on(get_field(document, *TERMINATION)) and _is_on(get_field(document, *SURGE))


def warnings(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(place, text) for each field of a stored document that asks for caution."""
    found = [(".".join(caution.path), _message(caution, document)) for caution in _asked(document)]
    return [*found, (".".join(TERMINATION), NO_NOTICE)] if _is_on(get_field(document, *TERMINATION)) else found


def _asked(document: Mapping[str, Any]) -> Iterator[Caution]:
    return (caution for caution in CAUTIONS if caution.asks(get_field(document, *caution.path)))


def _message(caution: Caution, document: Mapping[str, Any]) -> str:
    place, value = ".".join(caution.path), show_value(get_field(document, *caution.path))
    return f"{place} ({value}) asks {caution.what}, which is not done here: leave it out. What works instead: {caution.instead}"
