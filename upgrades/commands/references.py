"""What documents refer to: it must be there, and it stays while it is referred to.

A reference that is stored already may stay, wherever it leads: references were not checked once, and a scale set must not become
unchangeable by them.
"""

from collections.abc import Collection, Iterator, Mapping
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q

from upgrades.commands.errors import Refused
from upgrades.core.differences import one_line
from upgrades.core.json_fields import get_field, read_objects
from upgrades.core.resource_kinds import (
    KINDS,
    LOAD_BALANCER,
    Referral,
    ResourceKind,
    Target,
    part_of,
    referrals,
    targets,
)
from upgrades.models import LoadBalancer, ScaleSet, StoredResource
from upgrades.models.stored_resource import ResourceDocument

Document = Mapping[str, Any]
NOT_FOUND = "{place}: the resource {id} was not found. Make sure that it exists, and put it before the resource that refers to it"
OTHER_TYPE = "{place} is the id of a resource of type {type}, such as {example}, not {id}"


def rows_of(kind: ResourceKind) -> Any:
    """The rows of one kind."""
    return LoadBalancer.objects if kind == LOAD_BALANCER else StoredResource.objects.filter(type=kind.type)


def lock_with_references(own: Target, document: Document) -> None:
    """Lock a stored resource, if it is there, and all that this document of it refers to, in the order of their kinds.

    To be called before anything else is locked: of two resources that come to refer to each other, both would have themselves, and wait
    for the other.
    """
    _locked({own, *(target.whole for target in targets(document, own.kind))})


def lock_references(
    document: Document,
    before: Document | None,
    *,
    own: Target | None = None,
    also: Collection[Target] = (),
) -> None:
    """Lock what the document newly refers to, and `also`. Raises Refused where there is no such thing.

    `own`: the resource whose document that is, locked by `lock_with_references`; None for a scale set. The rows are locked in the order of
    their kinds, before groups and scale sets: whoever deletes one of them waits, and then sees the reference.
    """
    kind = own.kind if own else None
    known = {referral.id.lower() for referral in referrals(before, kind)} if before else set()
    new = [referral for referral in referrals(document, kind) if referral.id.lower() not in known]
    wanted = {referral.target.whole for referral in new if referral.target} | {target.whole for target in also}
    documents = _locked(wanted - {own} if own else wanted)
    if own:
        documents[own] = document
    for referral in new:
        _check(referral, documents)


def _locked(wanted: Collection[Target]) -> dict[Target, Document]:
    found: dict[Target, Document] = {}
    for kind in KINDS:
        keys = sorted(target.key for target in wanted if target.kind == kind)
        if keys:
            rows = rows_of(kind).select_for_update(of=("self",)).filter(key__in=keys).order_by("pk")
            found |= {Target(kind, row.key): row.document for row in rows}
    return found


def lock_resources_in(groups: Collection[str]) -> None:
    """Lock all stored resources of these groups, in the order of their kinds."""
    in_groups = reduce(or_, (Q(key__startswith=ScaleSet.keys_in(group)) for group in groups), Q(pk__in=[]))
    types = {LOAD_BALANCER.type, *StoredResource.objects.filter(in_groups).values_list("type", flat=True)}
    for kind in KINDS:
        if kind.type in types:
            list(rows_of(kind).select_for_update(of=("self",)).filter(in_groups).order_by("pk"))


def _check(referral: Referral, documents: Mapping[Target, Document]) -> None:
    target = referral.target
    if target is None:
        example = f"/subscriptions/ID/resourceGroups/GROUP/providers/{_example(referral.type)}"
        message = OTHER_TYPE.format(place=referral.place, type=referral.type, example=example, id=_shown(referral.id))
        raise Refused("InvalidResourceReference", message, target=referral.place)
    document = documents.get(target.whole)
    if document is None or (target.part and part_of(document, target.part, target.part_name) is None):
        message = NOT_FOUND.format(place=referral.place, id=_shown(referral.id))
        raise Refused("InvalidResourceReference", message, target=referral.place)


def _shown(id: str) -> str:
    """A whole id for a message: its end says what is missing."""
    return f"'{one_line(id, 400)}'"


def _example(type: str) -> str:
    namespace, *types = type.split("/")
    return "/".join([namespace, *(f"{name}/NAME" for name in types)])


# --- what is in use ---------------------------------------------------------------------------------------------------


def check_unused(gone: Collection[Target], *, besides: Target | None = None, group: str = "") -> None:
    """Raises Refused where something refers to one of these, which are to go, or to a part of them.

    References of the resource `besides`, and of what is in `group`, do not count: they go too. So do those of scale sets that are being
    deleted.
    """
    there = set(gone)
    for user, target in _all_references(besides, group) if there else ():
        if target in there or target.whole in there:
            shown = f"{target.kind.noun} {target.key}" + (f"/{target.part}/{target.part_name}" if target.part else "")
            raise Refused("InUse", f"{shown} cannot be deleted: {user} refers to it", target=target.key)


def check_parts_stay(own: Target, before: Document | None, after: Document) -> None:
    """Raises Refused where a part of the resource that something refers to is not in its document any more."""
    check_unused(_parts(own, before) - _parts(own, after), besides=own)


def _parts(own: Target, document: Document | None) -> set[Target]:
    return {
        Target(own.kind, own.key, part.lower(), str(get_field(element, "name")).lower())
        for part in own.kind.parts
        for _, element in (read_objects(document, "properties", part) if document else ())
    }


def _all_references(besides: Target | None, group: str) -> Iterator[tuple[str, Target]]:
    """(who refers, to what), of everything that is stored."""
    prefix = ScaleSet.keys_in(group) if group else None
    sets = ScaleSet.objects.filter(deleting=False)
    for row in (sets.exclude(key__startswith=prefix) if prefix else sets).only("resource_group", "name", "document"):
        yield from ((f"the scale set {row}", target) for target in targets(row.document))
    for kind in KINDS:
        if kind.refers:
            yield from _references_of(kind, besides, prefix)


def _references_of(kind: ResourceKind, besides: Target | None, prefix: str | None) -> Iterator[tuple[str, Target]]:
    rows = rows_of(kind).exclude(key__startswith=prefix) if prefix else rows_of(kind).all()
    row: ResourceDocument
    for row in rows:
        if Target(kind, row.key) != besides:
            yield from ((f"the {kind.noun} {row}", target) for target in targets(row.document, kind))
