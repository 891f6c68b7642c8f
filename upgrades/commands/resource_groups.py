"""Creates, changes and deletes resource groups."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from upgrades.commands import lookup, references, resources
from upgrades.commands.audit import audited, note
from upgrades.commands.errors import Refused
from upgrades.commands.groups import ensure_group, lock_group
from upgrades.commands.load_balancers import remove
from upgrades.commands.scale_sets import delete_scale_set
from upgrades.core.auditing import ObjectKind
from upgrades.core.resource_kinds import LOAD_BALANCER, Target
from upgrades.models import Deployment, LoadBalancer, Location, ResourceGroup, ScaleSet, StoredResource
from upgrades.models.resource_group import existing

Edit = Callable[[ResourceGroup | None], Mapping[str, Any]]


@audited("ResourceGroupChanged", ObjectKind.RESOURCE_GROUP)
def change_resource_group(name: str, location: Location, edit: Edit) -> tuple[ResourceGroup, bool]:
    """Put the document that `edit` makes of the present row, or of None where there is none. Returns (row, whether it is new).

    The row is locked meanwhile. Raises Refused: not a name, another location, being deleted; and what `edit` raises.
    """
    lookup.split(f"{name}/-")
    with transaction.atomic():
        lock_group(name)
        before = existing().filter(key=name.lower()).first()
        document = edit(before)
        ensure_group(name, location)
        row = ResourceGroup.objects.select_related("location").get(key=name.lower())
        if row.location != location:
            message = f"resource group {row.name} is in {row.location.name} and cannot be moved"
            raise Refused("InvalidResourceGroupLocation", message, target="location")
        _note_put(row, before, document)
        row.document = dict(document)
        row.save(update_fields=["document"])
    return row, before is None


def _note_put(row: ResourceGroup, before: ResourceGroup | None, document: Mapping[str, Any]) -> None:
    done = "Changed" if before else "Created"
    was = {"document": before.document} if before else None
    after = {"document": document}
    note(f"{done} the resource group.", before=was, after=after, code=f"ResourceGroup{done}", object_id=row.pk)


@audited("ResourceGroupDeleted", ObjectKind.RESOURCE_GROUP)
def delete_resource_group(name: str, now: datetime) -> None:
    """Begin to delete a group with all that is in it; it is gone after its last machine.

    Raises Refused while an upgrade runs in it, and where something in another group refers to what is in it.
    """
    with transaction.atomic():
        in_group = {"key__startswith": ScaleSet.keys_in(name)}
        # Stored resources, groups, scale sets: locked in this order, as everywhere.
        references.lock_resources_in([name])
        lock_group(name)
        if not existing().filter(key=name.lower()).exists():
            raise Refused("ResourceGroupNotFound", f"Resource group '{name}' could not be found.", target=name)
        for scale_set in ScaleSet.objects.filter(**in_group, deleting=False).order_by("pk"):
            delete_scale_set(str(scale_set), now)
        _remove_resources(name)
        Deployment.objects.filter(
            key__startswith=Deployment.keys_in(name)
        ).delete()  # what they still had to do is not done
        ResourceGroup.objects.filter(key=name.lower()).update(deleting=True)
        note("Began to delete the resource group with all that is in it.", after={"deleting": True})


def _remove_resources(group: str) -> None:
    """Delete the stored resources of a locked group, with those that came into it while its lock was waited for."""
    references.lock_resources_in([group])
    in_group = {"key__startswith": ScaleSet.keys_in(group)}
    balancers, stored = LoadBalancer.objects.filter(**in_group), StoredResource.objects.filter(**in_group)
    gone = {Target(LOAD_BALANCER, row.key) for row in balancers} | {Target(row.kind, row.key) for row in stored}
    references.check_unused(gone, group=group)
    for balancer in balancers:
        remove(balancer)
    for row in stored:
        resources.remove(row)
