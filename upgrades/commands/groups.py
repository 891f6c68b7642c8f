"""The group that something is put into."""

from upgrades.commands.errors import Refused
from upgrades.models import Location, ResourceGroup, ScaleSet


def ensure(name: str, location: Location) -> None:
    """The group is there afterwards; one that is not yet gets this location."""
    defaults = {"name": name, "location": location}
    row, _ = ResourceGroup.objects.get_or_create(key=name.lower(), defaults=defaults)
    if row.deleting:
        if ScaleSet.objects.filter(resource_group__iexact=name).exists():
            raise Refused("Conflict", f"resource group {name!r} is being deleted; try again when it is gone")
        ResourceGroup.objects.filter(pk=row.pk).update(deleting=False, document={}, **defaults)
