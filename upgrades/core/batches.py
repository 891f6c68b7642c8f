"""Who is next, and how many at once."""

from collections.abc import Sequence
from datetime import datetime

from upgrades.core import versions
from upgrades.core.facts import Facts, InstanceFacts, Policy, Upgrade
from upgrades.core.health import exceeds, ids, unhealthy


def size(total: int, policy: Policy) -> int:
    """How many instances a batch may hold.

    The document's step 2: "a batch with at most 20 % of the total instance count"; never less than one (facts 1.3).

    >>> [size(total, Policy()) for total in (1, 4, 5, 9, 10, 14, 15, 99, 100, 400)]
    [1, 1, 1, 1, 2, 2, 3, 19, 20, 80]
    """
    return max(1, total * policy.max_batch_percent // 100)


def is_outdated(instance: InstanceFacts, target_version: str) -> bool:
    return bool(instance.version) and versions.is_older(instance.version, target_version)


def remaining(facts: Facts, upgrade: Upgrade) -> list[InstanceFacts]:
    """The instances that this upgrade has still to take, in ascending order of their ids."""
    taken = {member.instance for member in upgrade.members}
    target = upgrade.target.version
    return [one for one in candidates(facts) if one.id not in taken and is_outdated(one, target)]


def candidates(facts: Facts) -> list[InstanceFacts]:
    """Those that an upgrade may touch: not protected, and nothing else under way on them."""
    return [one for one in facts.instances if not one.protected and not one.busy]


def choose(facts: Facts, todo: Sequence[InstanceFacts], policy: Policy, now: datetime) -> tuple[int, ...]:
    """The next batch. It shrinks while it and the unhealthy outside it together would pass the limit, but never below one.

    "unhealthy instances in previous or future batches can cause the percentage in a batch to decrease" (facts 1.3).
    """
    chosen = list(ids(todo[: size(len(facts.staying), policy)]))
    sick = set(ids(unhealthy(facts, now)))
    while len(chosen) > 1:
        down = len(chosen) + len(sick.difference(chosen))
        if not exceeds(down, len(facts.staying), max(policy.max_unhealthy_percent, policy.max_batch_percent)):
            break
        chosen.pop()
    return tuple(chosen)
