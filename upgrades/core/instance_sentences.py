"""What each instance says of itself: which message of the catalogue, by its state and its part in the running upgrade.

The values in a message are fields of the instance as the feed has them (docs/feed.md), so that a thousand instances need few messages. An
instance that is held has no message here: the reason that holds it says it (core/reasons.py).
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import TypedDict

from upgrades.core.catalogue import ENGLISH, messages_in
from upgrades.core.facts import Facts, InstanceFacts, InstanceUpgradeFacts
from upgrades.core.instance_states import InstanceState
from upgrades.core.ranges import spans
from upgrades.core.states import InstanceUpgradeState, UpgradeKind


class Said(TypedDict):
    """What `instances` say: `key` of the message, and its English `template`, whose places are fields of each of them."""

    key: str
    template: str
    instances: str


OF_EXTENSIONS = frozenset({InstanceState.DONE, InstanceState.PENDING, InstanceState.QUEUED})
_IN_FLIGHT = frozenset({InstanceUpgradeState.QUEUED, InstanceUpgradeState.UPGRADING, InstanceUpgradeState.VERIFYING})


def said_by(facts: Facts, states: Mapping[int, InstanceState]) -> list[Said]:
    """The messages and who says each."""
    groups: dict[str, list[int]] = defaultdict(list)
    pairs = _pairs(facts)
    for instance in facts.instances:
        if key := _of_a_pair(instance, pairs.get(instance.id)) or _of_state(instance, states[instance.id], facts):
            groups[f"instance.{key}"].append(instance.id)
    english = messages_in(ENGLISH)
    return [Said(key=key, template=english[key], instances=spans(ids)) for key, ids in sorted(groups.items())]


def _of_state(instance: InstanceFacts, state: InstanceState, facts: Facts) -> str:
    """The end of the message's key; "" for an instance that is held."""
    if state is InstanceState.HELD:
        return ""
    key = state.value.replace("-", "_")
    upgrade = facts.upgrade
    if state is InstanceState.UNHEALTHY and instance.rolled_back and instance.failed_version:
        return f"{key}.rolled_back"
    if state is InstanceState.PENDING and upgrade is None:
        return f"{key}.to_begin"
    is_of_extensions = upgrade is not None and upgrade.kind is UpgradeKind.EXTENSIONS
    return f"{key}.extensions" if is_of_extensions and state in OF_EXTENSIONS else key


# --- batches that create new instances --------------------------------------------------------------------------------


def _pairs(facts: Facts) -> Mapping[int, InstanceUpgradeFacts]:
    """The members whose instance is to be replaced by another one, by the ids of both."""
    members = facts.upgrade.members if facts.upgrade else ()
    replaced = [member for member in members if member.replacement is not None]
    return {id: member for member in replaced for id in (member.instance, member.upgraded)}


def _of_a_pair(instance: InstanceFacts, member: InstanceUpgradeFacts | None) -> str:
    """What becomes of one of the two; "" where its state says all."""
    if member is not None and member.instance == instance.id:
        if member.state is InstanceUpgradeState.SUCCEEDED:
            return "replaced"
        return "stays_until_replaced" if member.state in _IN_FLIGHT else ""
    if member is None and not instance.is_unused_surge:
        return ""
    return _of_the_new_one(instance, member.state if member else InstanceUpgradeState.FAILED)


def _of_the_new_one(instance: InstanceFacts, state: InstanceUpgradeState) -> str:
    if state is InstanceUpgradeState.SUCCEEDED:
        return ""
    if instance.is_being_deleted:
        return "removed_unused"
    if instance.busy or state is InstanceUpgradeState.QUEUED:
        return "replaces_when_created"
    return "replaces_when_healthy" if state is InstanceUpgradeState.VERIFYING else "does_not_replace"
