"""Makes changed settings of a location take effect."""

from datetime import datetime

from upgrades.commands.audit import unaudited
from upgrades.feed.writing import writing
from upgrades.models import Location, ScaleSet


@unaudited("the admin writes what was changed, and by whom")
def location_changed(location: Location, now: datetime) -> None:
    """Have its scale sets read and reconciled again: prober and workers then use its provider as its settings say now."""
    ids = ScaleSet.objects.filter(location=location).values_list("pk", flat=True)
    with writing(now, *ids) as writer:
        writer.changed(*writer.scale_sets)
        if writer.scale_sets:
            writer.wake()
