"""Resource groups."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from upgrades.commands import finding
from upgrades.commands.errors import Refused
from upgrades.commands.groups import ensure
from upgrades.commands.load_balancers import remove
from upgrades.commands.scale_sets import delete_scale_set
from upgrades.models import LoadBalancer, Location, ResourceGroup, ScaleSet
from upgrades.models.resource_group import existing


def put_resource_group(name: str, location: Location, document: Mapping[str, Any]) -> tuple[ResourceGroup, bool]:
    """(the group, whether it is new). Raises Refused: not a name, another location, being deleted."""
    finding.split(f"{name}/-")
    with transaction.atomic():
        is_new = not existing().filter(key=name.lower()).exists()
        ensure(name, location)
        row = ResourceGroup.objects.select_related("location").get(key=name.lower())
        if row.location != location:
            message = f"resource group {row.name} is in {row.location.name} and cannot be moved"
            raise Refused("InvalidResourceGroupLocation", message, target="location")
        row.document = dict(document)
        row.save(update_fields=["document"])
    return row, is_new


def delete_resource_group(name: str, now: datetime) -> None:
    """With all that is in it; machines go first, so that it takes a while. Raises Refused where an upgrade runs in it."""
    with transaction.atomic():
        row = existing().filter(key=name.lower()).first()
        if row is None:
            raise Refused("ResourceGroupNotFound", f"Resource group '{name}' could not be found.", target=name)
        for one in ScaleSet.objects.filter(resource_group__iexact=name, deleting=False).order_by("pk"):
            delete_scale_set(str(one), now)
        for balancer in LoadBalancer.objects.filter(resource_group__iexact=name).order_by("pk"):
            remove(balancer)
        ResourceGroup.objects.filter(pk=row.pk).update(deleting=True)
