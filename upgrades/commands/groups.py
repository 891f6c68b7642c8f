"""The group that something is put into."""

from upgrades.commands.errors import Refused
from upgrades.models import Location, ResourceGroup, ScaleSet


def ensure(name: str, location: Location) -> None:
    """The group is there afterwards; one that is not yet gets this location."""
    defaults = {"name": name, "location": location}
    ResourceGroup.objects.get_or_create(key=name.lower(), defaults=defaults)
    row = lock(name)
    if row and row.deleting:
        if ScaleSet.objects.filter(key__startswith=ScaleSet.keys_in(name)).exists():
            raise Refused("Conflict", f"resource group {name!r} is being deleted; try again when it is gone")
        ResourceGroup.objects.filter(pk=row.pk).update(deleting=False, document={}, **defaults)


def lock(name: str) -> ResourceGroup | None:
    """The group's row, which nobody else changes until the transaction ends: nothing is put into a group while it is deleted."""
    return ResourceGroup.objects.select_for_update(of=("self",)).filter(key=name.lower()).first()
