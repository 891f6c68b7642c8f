"""Creates a resource group when something is put into it."""

from upgrades.commands.errors import Refused
from upgrades.models import Location, ResourceGroup, ScaleSet


def ensure_group(name: str, location: Location) -> None:
    """Create the group in this location where it does not exist, or is empty and being deleted.

    Raises Refused where it is being deleted and not empty yet.
    """
    defaults = {"name": name, "location": location}
    ResourceGroup.objects.get_or_create(key=name.lower(), defaults=defaults)
    row = lock_group(name)
    if row and row.deleting:
        if ScaleSet.objects.filter(key__startswith=ScaleSet.keys_in(name)).exists():
            raise Refused("Conflict", f"resource group {name!r} is being deleted; try again when it is gone")
        ResourceGroup.objects.filter(pk=row.pk).update(deleting=False, document={}, **defaults)


def lock_group(name: str) -> ResourceGroup | None:
    """Lock the group's row until the transaction ends, so that nothing is put into it while it is deleted. None where there is none."""
    return ResourceGroup.objects.select_for_update(of=("self",)).filter(key=name.lower()).first()
