"""The state of a scale set in numbers, whatever upgrade runs: its instances by health, by version and by what is special about them."""

from collections import Counter
from dataclasses import dataclass, field

from upgrades.core.facts import Facts
from upgrades.core.states import Health


@dataclass(slots=True)
class Standing:
    """Numbers of instances, without those that are being deleted and surge instances that have replaced nothing yet.

    `busy`: an operation of ours runs on them. `missing`: they have no machine (yet).
    """

    instances: int = 0
    by_health: dict[str, int] = field(default_factory=dict)
    by_version: dict[str, int] = field(default_factory=dict)
    opted_out: int = 0
    quarantined: int = 0
    switched_off: int = 0
    busy: int = 0
    missing: int = 0

    @property
    def machines(self) -> int:
        """How many instances have a machine."""
        return self.instances - self.missing

    @property
    def healthy(self) -> int:
        return self.by_health.get(Health.HEALTHY, 0)


def standing(facts: Facts) -> Standing:
    staying = facts.staying
    return Standing(
        instances=len(staying),
        by_health=dict(Counter(instance.health.value for instance in staying)),
        by_version=dict(Counter(instance.version for instance in staying)),
        opted_out=sum(instance.is_opted_out for instance in staying),
        quarantined=sum(instance.is_quarantined for instance in staying),
        switched_off=sum(instance.is_switched_off for instance in staying),
        busy=sum(instance.is_busy for instance in staying),
        missing=sum(not instance.has_machine for instance in staying),
    )
