"""The upgrade policy of a scale set: a table of its fields, with everything that is known of each.

To add a field, add it to `Policy` and write the rule that obeys it. Document reader, API, admin, terminal, feed and pages use the table.
"""

from collections.abc import Collection, Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from upgrades.core.json_edit import iso_duration

MAX_PAUSE = timedelta(days=365)
UPGRADE_POLICY = ("properties", "upgradePolicy")
AUTOMATIC_POLICY = (*UPGRADE_POLICY, "automaticOSUpgradePolicy")
ROLLING_POLICY = (*UPGRADE_POLICY, "rollingUpgradePolicy")


class FieldKind(StrEnum):
    PERCENT = "percent"
    DURATION = "duration"
    SWITCH = "switch"


@dataclass(frozen=True, slots=True)
class PolicyField:
    """The description of one field of `Policy`.

    `path`: its path in Azure's document. `is_inverted`: document and form have its negation, such as disableAutomaticRollback.
    `is_platform_only`: it holds for upgrades that the platform starts, even where these do not follow the set's own limits, and never for
    a person's. `json_name`: its name in the database and in the feed. `label`, `help`: the texts of its form field.
    `min_percent`: the lowest percent allowed. `words_if_changed`: what a page says where the field differs from its default, in English;
    other languages have it under `key`.
    """

    name: str
    json_name: str
    kind: FieldKind
    path: tuple[str, ...]
    default: Any
    label: str
    help: str
    words_if_changed: str = ""
    min_percent: int = 0
    is_inverted: bool = False
    is_platform_only: bool = False

    @property
    def key(self) -> str:
        """The key of the message `words_if_changed` in the catalogue."""
        return f"policy.{self.json_name}"

    @property
    def form_name(self) -> str:
        """The field's name in the form, in the terminal and in `change_policy`."""
        return f"disable_{self.name}" if self.is_inverted else self.name


def _policy_field(kind: FieldKind, default: Any, *path: str, **description: Any) -> Any:
    return field(default=default, metadata={"kind": kind, "path": path, **description})


def _percent(name: str, label: str, help: str, *, min_percent: int = 5) -> Any:
    return _policy_field(
        FieldKind.PERCENT,
        20,
        *ROLLING_POLICY,
        name,
        label=label,
        help=f"{help} {min_percent} to 100.",
        min_percent=min_percent,
    )


def _switch(name: str, label: str, help: str, words_if_changed: str) -> Any:
    return _policy_field(
        FieldKind.SWITCH, False, *ROLLING_POLICY, name, label=label, help=help, words_if_changed=words_if_changed
    )


def _platform_switch(name: str, default: bool, label: str, help: str, words_if_changed: str) -> Any:
    description = {
        "label": label,
        "help": f"{help} Always applies.",
        "words_if_changed": words_if_changed,
        "is_platform_only": True,
    }
    return _policy_field(FieldKind.SWITCH, default, *AUTOMATIC_POLICY, name, is_inverted=default, **description)


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits and switches of a rolling upgrade. The defaults are Azure's (Z-2.2, Z-2.3).

    `automatic_rollback`: an instance that fails in an upgrade that the platform started gets its old OS disk back. `rollback_on_breach`:
    when a limit stops an upgrade, whoever started it, all instances that failed in it get their old OS disks back. `max_surge`: a batch
    creates new instances, and deletes the old ones when the new ones are healthy (Z-1.10). `deferral`: an upgrade that the platform
    started takes an instance only after a person approved the version for that instance (Z-1.13).
    """

    max_batch_percent: int = _percent("maxBatchInstancePercent", "Max batch percent", "Of all instances, in one batch.")
    max_unhealthy_percent: int = _percent(
        "maxUnhealthyInstancePercent",
        "Max unhealthy percent",
        "Of all instances; with more than that unhealthy, nothing new begins.",
    )
    max_unhealthy_upgraded_percent: int = _percent(
        "maxUnhealthyUpgradedInstancePercent",
        "Max unhealthy upgraded percent",
        "Of those upgraded; with more than that failed, the upgrade ends.",
        min_percent=0,
    )
    pause_between_batches: timedelta = _policy_field(
        FieldKind.DURATION,
        timedelta(0),
        *ROLLING_POLICY,
        "pauseTimeBetweenBatches",
        label="Pause between batches",
        help="Seconds, at most a year.",
        json_name="pause_seconds",
    )
    cross_zone: bool = _switch(
        "enableCrossZoneUpgrade", "Across zones", "A batch may hold instances of several zones.", "across zones"
    )
    unhealthy_first: bool = _switch(
        "prioritizeUnhealthyInstances",
        "Unhealthy first",
        "Batches take the unhealthy instances before the others.",
        "unhealthy first",
    )
    automatic_rollback: bool = _platform_switch(
        "disableAutomaticRollback",
        True,
        "No automatic rollback",
        "On: an instance that fails in an upgrade of the platform's stays on its new OS disk.",
        "no automatic rollback",
    )
    rollback_on_breach: bool = _switch(
        "rollbackFailedInstancesOnPolicyBreach",
        "Rollback on breach",
        "When a limit stops the upgrade, those that failed in it get their old OS disks back.",
        "rollback on breach",
    )
    deferral: bool = _platform_switch(
        "osRollingUpgradeDeferral",
        False,
        "Deferred",
        "On: the platform's upgrades take an instance only when somebody has approved it (osRollingUpgradeDeferral).",
        "on approval",
    )
    max_surge: bool = _switch(
        "maxSurge",
        "New instances (maxSurge)",
        "A batch makes new instances; the old ones go, with their data disks, when those are healthy. Capacity never drops.",
        "new instances",
    )


def _described(field: Field[Any]) -> PolicyField:
    """The description that `_policy_field` stored with a field of `Policy`. Its name in JSON is its own, unless the description has one."""
    return PolicyField(**{"name": field.name, "json_name": field.name, "default": field.default, **field.metadata})


FIELDS: Mapping[str, PolicyField] = MappingProxyType({field.name: _described(field) for field in fields(Policy)})

# A policy as it is stored and as the feed carries it: {json_name: value}. A duration is a number of seconds.
PolicyJson = dict[str, Any]


def policy_to_json(policy: Policy) -> PolicyJson:
    """The policy as JSON, with all its fields."""
    found = {field.json_name: getattr(policy, name) for name, field in FIELDS.items()}
    return {name: value.total_seconds() if isinstance(value, timedelta) else value for name, value in found.items()}


def policy_from_json(stored: PolicyJson) -> Policy:
    """Read a stored policy. Fields that an older one lacks get their defaults."""
    known = [field for field in FIELDS.values() if field.json_name in stored]
    return Policy(**{field.name: _value(field, stored[field.json_name]) for field in known})


def _value(field: PolicyField, stored: Any) -> Any:
    return timedelta(seconds=stored) if field.kind is FieldKind.DURATION else stored


def rolling_policy(policy: Policy, kinds: Collection[FieldKind] = tuple(FieldKind)) -> dict[str, Any]:
    """The `rollingUpgradePolicy` of an Azure document, with the fields of these kinds only."""
    shown = [field for field in FIELDS.values() if field.kind in kinds and not field.is_platform_only]
    found = {field.path[-1]: getattr(policy, field.name) for field in shown}
    return {
        name: iso_duration(value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in found.items()
    }


def policy_words(stored: PolicyJson) -> dict[str, str]:
    """{key: words} for each switch of a stored policy that differs from its default. Pages show the words beside the limits."""
    return {
        field.key: field.words_if_changed
        for field in FIELDS.values()
        if field.words_if_changed and stored.get(field.json_name, field.default) != field.default
    }
