"""Read only: plans, that is what would happen to a scale set, and how long it would take.

A plan uses the engine's own facts and steps, and the pace of the scale set's past batches.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from upgrades.core.facts import Facts
from upgrades.core.gauges import begins_by_hand
from upgrades.core.image_contents import ImageChanges, changes_between
from upgrades.core.preview import Plan, preview
from upgrades.core.states import UpgradeKind
from upgrades.core.steps import Why
from upgrades.models import ImportedImage, ScaleSet
from upgrades.models.imported_image import contents_of_versions
from upgrades.orchestrator.observe import observe
from upgrades.orchestrator.pace import MAX_BATCHES, pace

__all__ = ["MAX_BATCHES", "Planned", "count_waiting_for_fleet_stop", "image_changes", "pace", "planned", "plan_from"]

MAX_COMPARED = 3  # versions that instances are on


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan. `by_hand`: nothing begins by itself, so it shows a start by hand. `is_running`: it is the rest of the running upgrade."""

    plan: Plan
    by_hand: bool
    is_running: bool

    @property
    def does_something(self) -> bool:
        return self.is_running or bool(self.plan.batches)


def planned(row: ScaleSet, now: datetime) -> Planned:
    """What would be done next; where nothing begins by itself, what would be done if a person started an upgrade now."""
    facts = observe(row.pk, now).facts
    is_running, by_hand = facts.upgrade is not None, begins_by_hand(facts)
    kind = facts.upgrade.kind if facts.upgrade else UpgradeKind.IMAGE
    return Planned(preview(facts, now, pace(row, kind), by_hand=by_hand), by_hand, is_running)


def plan_from(row: ScaleSet, facts: Facts, now: datetime) -> Plan:
    """What would be done next by these facts, which may be made up (core/what_if.py)."""
    kind = facts.upgrade.kind if facts.upgrade else UpgradeKind.IMAGE
    return preview(facts, now, pace(row, kind))


def image_changes(row: ScaleSet, target: str) -> list[ImageChanges]:
    """What changes in the images when instances come to `target`, from each of the versions that most of them are on.

    Nothing where no image of the SKU was ever imported in the location: there nobody can know.
    """
    older = row.instances.exclude(version__in=("", target)).order_by().values_list("version")
    counted = older.annotate(count=Count("pk")).order_by("-count", "version")[:MAX_COMPARED]
    found = [version for version, _ in counted]
    if not (target and found and ImportedImage.objects.filter(sku=row.sku_id, location=row.location_id).exists()):
        return []
    known = contents_of_versions(row.sku, row.location, (*found, target))
    return [changes_between(version, known.get(version), target, known.get(target)) for version in found]


def count_waiting_for_fleet_stop() -> int:
    """How many scale sets wait for the end of the fleet stop, and for nothing that comes before it, by their last decisions."""
    return ScaleSet.objects.filter(decision__code=Why.FLEET_STOPPED.value).count()
