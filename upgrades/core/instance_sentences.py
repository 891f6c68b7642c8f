"""The message that describes each instance: one of the catalogue, by its state and its part in the running upgrade.

The values of a message are fields of the instance as the feed carries it (docs/feed.md), so that a thousand instances need few messages.
An instance that is held has no message here: the reason that holds it describes it (core/reasons.py).
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import TypedDict

from upgrades.core.catalogue import ENGLISH, messages_in
from upgrades.core.facts import Facts, InstanceFacts, InstanceUpgradeFacts
from upgrades.core.instance_states import InstanceState
from upgrades.core.ranges import spans
from upgrades.core.states import InstanceUpgradeState, UpgradeKind


class InstanceMessage(TypedDict):
    """The message of these instances: its key, and its English template, whose values are fields of each of them."""

    key: str
    template: str
    instances: str


# States that have a message of their own during an upgrade of extensions.
_WITH_EXTENSIONS_MESSAGE = frozenset({InstanceState.DONE, InstanceState.PENDING, InstanceState.QUEUED})
_BEING_UPGRADED = frozenset(
    {InstanceUpgradeState.QUEUED, InstanceUpgradeState.UPGRADING, InstanceUpgradeState.VERIFYING}
)


def instance_messages(facts: Facts, states: Mapping[int, InstanceState]) -> list[InstanceMessage]:
    """The messages, sorted by key, each with its instances."""
    groups: dict[str, list[int]] = defaultdict(list)
    members = _members_with_replacement(facts)
    for instance in facts.instances:
        key = _key_in_pair(instance, members.get(instance.id)) or _key_of_state(instance, states[instance.id], facts)
        if key:
            groups[f"instance.{key}"].append(instance.id)
    english = messages_in(ENGLISH)
    return [
        InstanceMessage(key=key, template=english[key], instances=spans(ids)) for key, ids in sorted(groups.items())
    ]


def _key_of_state(instance: InstanceFacts, state: InstanceState, facts: Facts) -> str:
    """The key of the message without its prefix; "" for an instance that is held or has drifted, because its reason describes it."""
    if state is InstanceState.HELD or (state is InstanceState.DONE and instance.drifted_to):
        return ""
    key = state.value.replace("-", "_")
    upgrade = facts.upgrade
    if state is InstanceState.UNHEALTHY and instance.was_rolled_back and instance.failed_version:
        return f"{key}.rolled_back"
    if state is InstanceState.PENDING and upgrade is None:
        return f"{key}.to_begin"
    is_of_extensions = upgrade is not None and upgrade.kind is UpgradeKind.EXTENSIONS
    return f"{key}.extensions" if is_of_extensions and state in _WITH_EXTENSIONS_MESSAGE else key


# --- batches that create new instances --------------------------------------------------------------------------------


def _members_with_replacement(facts: Facts) -> Mapping[int, InstanceUpgradeFacts]:
    """The members that have a replacement, by the ids of the old and the new instance."""
    members = facts.upgrade.members if facts.upgrade else ()
    found = [member for member in members if member.replacement is not None]
    return {id: member for member in found for id in (member.instance, member.upgraded_id)}


def _key_in_pair(instance: InstanceFacts, member: InstanceUpgradeFacts | None) -> str:
    """The key for an old instance that is to be replaced, or for a surge instance; "" where the state alone is enough."""
    if member is not None and member.instance == instance.id:
        if member.state is InstanceUpgradeState.SUCCEEDED:
            return "replaced"
        return "stays_until_replaced" if member.state in _BEING_UPGRADED else ""
    if member is None and not instance.is_unused_surge:
        return ""
    return _key_of_surge(instance, member.state if member else InstanceUpgradeState.FAILED)


def _key_of_surge(instance: InstanceFacts, state: InstanceUpgradeState) -> str:
    if state is InstanceUpgradeState.SUCCEEDED:
        return ""
    if instance.is_being_deleted:
        return "removed_unused"
    if instance.is_busy or state is InstanceUpgradeState.QUEUED:
        return "replaces_when_created"
    return "replaces_when_healthy" if state is InstanceUpgradeState.VERIFYING else "does_not_replace"
