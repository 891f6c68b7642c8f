"""Small scale sets, and the step that `decide` takes next: what the tests of the rules share."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.core.world import image
from upgrades.core import decide
from upgrades.core.facts import Batch, Facts, InstanceFacts, InstanceUpgradeFacts, Upgrade
from upgrades.core.states import Health, InstanceUpgradeState, StartedBy
from upgrades.core.steps import Step, Wait, Why

NOW = datetime(2018, 9, 25, 12, 0, tzinfo=UTC)
OLD, NEW = "16.04.1", "16.04.2"
MINUTE = timedelta(minutes=1)


def fleet(count: int, *, sick: int = 0, version: str = OLD, **changes: Any) -> Facts:
    """`count` instances, the last `sick` of them unhealthy, with a newer image published and fresh news of health."""
    states = [Health.HEALTHY] * (count - sick) + [Health.UNHEALTHY] * sick
    instances = tuple(InstanceFacts(id, version, state) for id, state in enumerate(states))
    return replace(Facts(count, instances, image(NEW), health_complete_at=NOW), **changes)


def upgrading(facts: Facts, *members: InstanceUpgradeFacts, finished: bool = False, **changes: Any) -> Facts:
    """The same fleet with an upgrade, and these members in its only batch."""
    made = (Batch(1, members, NOW if finished else None),) if members else ()
    upgrade = replace(Upgrade(image(NEW), StartedBy.PLATFORM, batches=made), **changes)
    return replace(facts, upgrade=upgrade)


def with_instance(facts: Facts, id: int, **changes: Any) -> Facts:
    instances = tuple(replace(instance, **changes) if instance.id == id else instance for instance in facts.instances)
    return replace(facts, instances=instances)


def verifying(id: int, since: timedelta = timedelta(0)) -> InstanceUpgradeFacts:
    return InstanceUpgradeFacts(id, InstanceUpgradeState.VERIFYING, NOW - since)


def step(facts: Facts) -> Step:
    return decide.decide(facts, NOW)


def why(facts: Facts) -> Why:
    answer = step(facts)
    assert isinstance(answer, Wait), answer
    return answer.why
