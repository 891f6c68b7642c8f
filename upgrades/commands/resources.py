"""Creates, changes and deletes stored resources: networks and what belongs to them.

A path names a resource as the end of its id does: "GROUP/Microsoft.Network/virtualNetworks/NAME".
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from upgrades.commands import groups, load_balancers, lookup, references, resource_checks
from upgrades.commands.audit import audited, note
from upgrades.commands.errors import Refused
from upgrades.core.auditing import ObjectKind
from upgrades.core.equality import same
from upgrades.core.resource_kinds import KINDS, LOAD_BALANCER, ResourceKind, Target, kinds
from upgrades.models import Location, ScaleSet, StoredResource
from upgrades.models.stored_resource import ResourceDocument

Edit = Callable[[Any], Mapping[str, Any]]


def path_of(kind: ResourceKind, group: str, name: str) -> str:
    return f"{group}/{kind.type}/{name}"


def split(path: str) -> tuple[ResourceKind, str, str]:
    """ "group/Microsoft.Network/virtualNetworks/name" -> (kind, group, name). Raises Refused where it is no such path."""
    group, _, rest = path.partition("/")
    type, _, name = rest.rpartition("/")
    kind = kinds().get(type.lower())
    if kind is None:
        there_are = ", ".join(known.type for known in KINDS)
        raise Refused("InvalidParameter", f"a resource is named RESOURCE_GROUP/TYPE/NAME; types are {there_are}")
    return kind, *lookup.split(f"{group}/{name}")


@lookup.retry_on_conflict
@audited("ResourceChanged", ObjectKind.RESOURCE)
def change_resource(path: str, edit: Edit, now: datetime) -> tuple[ResourceDocument, bool]:
    """Put the document that `edit` makes of the present row (None where there is none). Returns (row, whether it is new).

    The row is locked meanwhile; `edit` is called once before that too, for what else is to be locked. Nothing is written where the document
    stays the same. Raises Refused, and what `edit` raises.
    """
    kind, group, name = split(path)
    if kind == LOAD_BALANCER:
        return load_balancers.change_load_balancer(f"{group}/{name}", edit, now)
    own = Target(kind, ScaleSet.key_of(group, name))
    with transaction.atomic():
        references.lock_with_references(own, edit(references.rows_of(kind).filter(key=own.key).first()))
        row = _locked(kind, group, name)
        document = edit(row)
        if row is None:
            return _create(kind, group, name, document), True
        if not same(row.document, document):
            _change(row, document)
        return row, False


def _locked(kind: ResourceKind, group: str, name: str) -> StoredResource | None:
    rows = StoredResource.objects.select_for_update(of=("self",)).select_related("location")
    return rows.filter(type=kind.type, key=ScaleSet.key_of(group, name)).first()


def _create(kind: ResourceKind, group: str, name: str, given: Mapping[str, Any]) -> StoredResource:
    """Create a resource. Raises IntegrityError where somebody else has created it meanwhile: `retry_on_conflict` tries again."""
    location, document = _checked(kind, given, None)
    key = ScaleSet.key_of(group, name)
    references.lock_references(document, None, own=Target(kind, key))
    groups.ensure_group(group, location)
    row = StoredResource.objects.create(
        type=kind.type, key=key, resource_group=group, name=name, location=location, document=document
    )
    _note(row, "Created", None)
    return row


def _change(row: StoredResource, given: Mapping[str, Any]) -> None:
    before, own = row.document, Target(row.kind, row.key)
    location, document = _checked(row.kind, given, before)
    if row.location != location:
        message = f"the location of {row} is {row.location.name} and cannot be changed"
        raise Refused("PropertyChangeNotAllowed", message, target="location")
    references.lock_references(document, before, own=own)
    references.check_parts_stay(own, before, document)
    row.document = document
    row.save(update_fields=["document"])
    _note(row, "Changed", before)


def _checked(
    kind: ResourceKind, document: Mapping[str, Any], before: Mapping[str, Any] | None
) -> tuple[Location, dict[str, Any]]:
    location = resource_checks.find_location(resource_checks.check_document(document, kind, before), kind)
    resource_checks.check_types(document, kind, before)
    return location, resource_checks.to_store(document, kind, before)


def _note(row: StoredResource, done: str, before: Mapping[str, Any] | None) -> None:
    was = None if before is None else {"document": before}
    after = {"document": row.document} if done != "Deleted" else None
    path = path_of(row.kind, row.resource_group, row.name)
    note(
        f"{done} the {row.kind.noun}.",
        before=was,
        after=after,
        code=f"Resource{done}",
        kind=ObjectKind.RESOURCE,
        path=path,
        object_id=row.pk,
    )


@audited("ResourceDeleted", ObjectKind.RESOURCE)
def delete_resource(path: str) -> None:
    """Delete a resource. Raises Refused where there is none, or something refers to it."""
    kind, group, name = split(path)
    if kind == LOAD_BALANCER:
        load_balancers.delete_load_balancer(f"{group}/{name}")
        return
    with transaction.atomic():
        row = _locked(kind, group, name)
        if row is None:
            raise Refused("ResourceNotFound", f"there is no {kind.noun} {group}/{name}", target=path)
        own = Target(kind, row.key)
        references.check_unused({own}, besides=own)
        remove(row)


def remove(row: StoredResource) -> None:
    """Delete a locked resource to which nothing refers."""
    _note(row, "Deleted", row.document)
    row.delete()
