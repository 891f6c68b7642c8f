"""Read only: what would happen to a scale set, and how long it would take.

The facts are those that the engine decides on, the steps its own, the pace that of the scale set's past batches.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from upgrades.core import documents
from upgrades.core.facts import Facts
from upgrades.core.preview import Pace, Plan, pace_of, preview
from upgrades.core.states import UpgradeKind
from upgrades.models import Batch, ScaleSet
from upgrades.orchestrator.observe import observe

MOST_BATCHES = 20  # the pace is that of the last ones


@dataclass(frozen=True, slots=True)
class Planned:
    """`by_hand`: nothing begins by itself; the plan is that of a start by hand. `is_running`: it is the rest of the running upgrade."""

    plan: Plan
    by_hand: bool
    is_running: bool

    @property
    def does_something(self) -> bool:
        return self.is_running or bool(self.plan.batches)


def planned(row: ScaleSet, now: datetime) -> Planned:
    """What would be done next. Where automatic upgrades are off: what would be, if a person started an upgrade now."""
    facts = observe(row.pk, now).facts
    is_running = facts.upgrade is not None
    by_hand = not is_running and not (facts.automatic and facts.follows_latest)
    if by_hand:  # people's upgrades have the set's own limits
        facts = replace(facts, policy=documents.read(row.document).policy_by_hand)
    kind = facts.upgrade.kind if facts.upgrade else UpgradeKind.IMAGE
    return Planned(preview(facts, now, pace(row, kind), by_hand=by_hand), by_hand, is_running)


def would(row: ScaleSet, facts: Facts, now: datetime) -> Plan:
    """What would follow from these facts, which need not be so yet (core/what_if.py)."""
    kind = facts.upgrade.kind if facts.upgrade else UpgradeKind.IMAGE
    return preview(facts, now, pace(row, kind))


def pace(row: ScaleSet, kind: UpgradeKind = UpgradeKind.IMAGE) -> Pace | None:
    """How long the last batches of such upgrades took; None where none was ever finished."""
    batches = Batch.objects.filter(upgrade__scale_set=row, upgrade__kind=kind)
    finished = batches.exclude(finished_at=None).order_by("-finished_at")
    times = list(finished.values_list("started_at", "finished_at")[:MOST_BATCHES])
    return pace_of([finished_at - started_at for started_at, finished_at in times if finished_at])
