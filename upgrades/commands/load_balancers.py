"""Creates, changes and deletes load balancers, and finds their probes (Z-3.2)."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from upgrades.commands import groups, lookup, references, resource_checks
from upgrades.commands.audit import audited, note
from upgrades.commands.errors import Refused, refusing
from upgrades.core import azure_types, documents, typed
from upgrades.core.auditing import ObjectKind
from upgrades.core.documents import ProbeModel
from upgrades.core.equality import same
from upgrades.core.json_fields import BadDocument, get_field, read_objects, read_str, show_value
from upgrades.core.resource_kinds import LOAD_BALANCER, Target
from upgrades.feed.writing import writing
from upgrades.models import LoadBalancer, Location, ScaleSet

INTERVAL = (15, 5, 3600)  # default, minimum, maximum, in seconds
THRESHOLD = (2, 100)  # default, maximum
Edit = Callable[[LoadBalancer | None], Mapping[str, Any]]
_PROBES = ("properties", "probes")
_PROBE_ID = re.compile(
    r"/subscriptions/[^/\s]+/resourcegroups/([^/\s]+)/providers/microsoft\.network/loadbalancers/([^/\s]+)/probes/([^/\s]+)/?",
    re.IGNORECASE,
)


@lookup.retry_on_conflict
@audited("LoadBalancerChanged", ObjectKind.LOAD_BALANCER)
def put_load_balancer(path: str, document: object, now: datetime) -> LoadBalancer:
    """Create or replace a load balancer. Scale sets that use one of its probes are probed with the new settings. Raises Refused."""
    group, name = lookup.split(path)
    before = LoadBalancer.objects.filter(key=ScaleSet.key_of(group, name)).values_list("document", flat=True).first()
    location = resource_checks.find_location(_check_document(document, before), LOAD_BALANCER)
    changes = {"location": location, "document": typed.cleaned(document, azure_types.LOAD_BALANCER, before)}
    own = Target(LOAD_BALANCER, ScaleSet.key_of(group, name))
    with transaction.atomic():
        # The load balancer is locked before its group.
        references.lock_with_references(own, changes["document"])
        before = _lock_and_check_location(own.key, location)
        references.lock_references(changes["document"], before, own=own)
        references.check_parts_stay(own, before, changes["document"])
        groups.ensure_group(group, location)
        row, _ = LoadBalancer.objects.update_or_create(
            key=ScaleSet.key_of(group, name),
            defaults=changes,
            create_defaults={**changes, "resource_group": group, "name": name},
        )
        _update_scale_sets(row, now)
        _note_put(row, before)
    return row


def _lock_and_check_location(key: str, location: Location) -> Mapping[str, Any] | None:
    """Lock the load balancer and return its document; None where there is none. Raises Refused where it is in another location."""
    rows = LoadBalancer.objects.select_for_update(of=("self",)).select_related("location")
    row = rows.filter(key=key).first()
    if row is not None and row.location != location:
        message = f"the location of {row} is {row.location.name} and cannot be changed"
        raise Refused("PropertyChangeNotAllowed", message, target="location")
    return row.document if row else None


def _note_put(row: LoadBalancer, before: Mapping[str, Any] | None) -> None:
    done = "Created" if before is None else "Changed"
    was, after = None if before is None else {"document": before}, {"document": row.document}
    note(f"{done} the load balancer.", before=was, after=after, code=f"LoadBalancer{done}", object_id=row.pk)


@lookup.retry_on_conflict
@audited("LoadBalancerChanged", ObjectKind.LOAD_BALANCER)
def change_load_balancer(path: str, edit: Edit, now: datetime) -> tuple[LoadBalancer, bool]:
    """Put the document that `edit` makes of the present row (None where there is none). Returns (row, whether it is new).

    The row is locked meanwhile; `edit` is called once before that too, for what else is to be locked. Nothing is written where the document
    stays the same. Raises Refused, and what `edit` raises.
    """
    group, name = lookup.split(path)
    rows = LoadBalancer.objects.filter(key=ScaleSet.key_of(group, name))
    with transaction.atomic():
        own = Target(LOAD_BALANCER, ScaleSet.key_of(group, name))
        references.lock_with_references(own, edit(rows.first()))
        row = rows.select_for_update(of=("self",)).select_related("location").first()
        document = edit(row)
        if row is None:
            return _create(group, name, document), True
        return (row if same(row.document, document) else put_load_balancer(path, document, now)), False


def _create(group: str, name: str, document: Mapping[str, Any]) -> LoadBalancer:
    """Create a load balancer. Raises IntegrityError where somebody else has created it meanwhile: `retry_on_conflict` tries again."""
    location = resource_checks.find_location(_check_document(document, None), LOAD_BALANCER)
    stored = typed.without_nulls(document, azure_types.LOAD_BALANCER)
    references.lock_references(stored, None, own=Target(LOAD_BALANCER, ScaleSet.key_of(group, name)))
    groups.ensure_group(group, location)
    named = {"key": ScaleSet.key_of(group, name), "resource_group": group, "name": name}
    row = LoadBalancer.objects.create(**named, location=location, document=stored)
    _note_put(row, None)
    return row


@audited("LoadBalancerDeleted", ObjectKind.LOAD_BALANCER)
def delete_load_balancer(path: str) -> None:
    """Delete a load balancer. Raises Refused where there is none, or something uses or refers to a part of it."""
    group, name = lookup.split(path)
    with transaction.atomic():
        row = LoadBalancer.objects.select_for_update().filter(key=ScaleSet.key_of(group, name)).first()
        if row is None:
            raise Refused("ResourceNotFound", f"there is no load balancer {path!r}", target=path)
        own = Target(LOAD_BALANCER, row.key)
        references.check_unused({own}, besides=own)
        remove(row)


def remove(row: LoadBalancer) -> None:
    """Delete a locked load balancer. Raises Refused where a scale set uses one of its probes."""
    user = next((user for user in _scale_sets_using(row) if not user.deleting), None)
    if user is not None:
        message = f"{row} cannot be deleted: the scale set {user} uses its probe {_probe_name(user.probe_id)!r}"
        raise Refused("LoadBalancerInUseByVirtualMachineScaleSet", message, target=str(row))
    note(
        "Deleted the load balancer.",
        before={"document": row.document},
        code="LoadBalancerDeleted",
        kind=ObjectKind.LOAD_BALANCER,
        path=str(row),
        object_id=row.pk,
    )
    row.delete()


def _check_document(document: object, before: Mapping[str, Any] | None) -> str:
    """Check the document and return the name of its location. Raises Refused where anything in it is wrong."""
    location = resource_checks.check_document(document, LOAD_BALANCER, before)
    assert isinstance(document, Mapping)
    with refusing():
        for parent, probe in read_objects(document, *_PROBES):
            _check_sku(document, _read(probe, parent), parent)
    resource_checks.check_types(document, LOAD_BALANCER, before)
    return location


def _check_sku(document: object, probe: ProbeModel, parent: str) -> None:
    """Raise BadDocument for an HTTPS probe on a Basic load balancer (Z-3.2). Without a SKU the document gets the one that it needs."""
    if probe.protocol == "https" and read_str(document, "sku", "name").lower() == "basic":
        target = f"{parent}.properties.protocol"
        message = "a probe with https protocol is only supported on a load balancer with sku.name Standard"
        raise BadDocument(f"{target}: {message}", target=target)


def _read(probe: object, parent: str = "") -> ProbeModel:
    settings = get_field(probe, "properties")
    return documents.read_probe(settings, interval=INTERVAL, threshold=THRESHOLD, parent=f"{parent}.properties")


def _update_scale_sets(row: LoadBalancer, now: datetime) -> None:
    """Give the scale sets that use its probes the new settings. Raises Refused where a probe that is used is missing."""
    for user in _scale_sets_using(row):
        if _probe_of(row, user.probe_id) is None:
            message = f"{row} must keep the probe {_probe_name(user.probe_id)!r}: the scale set {user} uses it"
            raise Refused("InvalidResourceReference", message, target=".".join(_PROBES))
    with writing(now, *(user.pk for user in _scale_sets_using(row))) as writer:
        for user in writer.scale_sets:
            set_probe(user, _probe_of(row, user.probe_id))
            user.save(update_fields=PROBE_FIELDS)
            writer.changed(user)


def _scale_sets_using(row: LoadBalancer) -> list[ScaleSet]:
    """The scale sets that use one of its probes."""
    probe_id_part = f"/resourcegroups/{row.resource_group}/providers/microsoft.network/loadbalancers/{row.name}/probes/"
    return list(ScaleSet.objects.filter(probe_id__contains=probe_id_part.lower()))


PROBE_FIELDS = [
    "probe_protocol",
    "probe_port",
    "probe_path",
    "probe_interval_seconds",
    "probe_threshold",
    "probe_is_rich",
    "probe_grace_seconds",
]


def set_probe(row: ScaleSet, probe: ProbeModel | None) -> None:
    """Set the columns that say how the scale set is probed (PROBE_FIELDS). None: it is not probed."""
    row.probe_protocol = probe.protocol if probe else ""
    row.probe_port = probe.port if probe else 0
    row.probe_path = probe.path if probe else ""
    row.probe_interval_seconds = probe.interval_seconds if probe else 5
    row.probe_threshold = probe.threshold if probe else 1
    row.probe_is_rich = probe is not None and probe.is_rich
    row.probe_grace_seconds = probe.grace_seconds if probe else 0


def find_probe(probe_id: str) -> ProbeModel:
    """The probe that an id refers to (S-39); its load balancer stays locked. Raises Refused where there is no such probe.

    To be called before any scale set is locked: putting a load balancer locks in the same order.
    """
    match = _PROBE_ID.fullmatch(probe_id)
    if match is None:
        message = (
            f"a health probe's id is /subscriptions/.../loadBalancers/NAME/probes/NAME, not {show_value(probe_id)}"
        )
        raise Refused("InvalidResourceReference", message, target=probe_id)
    group, name, probe_name = match.groups()
    row = LoadBalancer.objects.select_for_update().filter(key=ScaleSet.key_of(group, name)).first()
    probe = _probe_of(row, probe_id) if row else None
    if probe is None:
        what = (
            f"load balancer {group}/{name} has no probe {probe_name!r}"
            if row
            else f"there is no load balancer {group}/{name}"
        )
        message = f"{what}; put it before the scale set that refers to it"
        raise Refused("InvalidResourceReference", message, target=probe_id)
    return probe


def _probe_of(row: LoadBalancer, probe_id: str) -> ProbeModel | None:
    wanted = _probe_name(probe_id).lower()
    for parent, probe in read_objects(row.document, *_PROBES):
        if read_str(probe, "name").lower() == wanted:
            return _read(probe, parent)
    return None


def _probe_name(probe_id: str) -> str:
    match = _PROBE_ID.fullmatch(probe_id)
    return match.group(3) if match else probe_id
