"""Load balancers and their probes (facts 3.2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from upgrades import catalog
from upgrades.commands import finding
from upgrades.commands.errors import Refused
from upgrades.core import documents
from upgrades.core.documents import BadDocument, ProbeModel
from upgrades.feed.writing import writing
from upgrades.models import LoadBalancer, ScaleSet

INTERVAL = (15, 5, 3600)  # default, least, most seconds
THRESHOLD = (2, 100)  # default, most
_PROBE_ID = re.compile(
    r"/subscriptions/[^/]+/resourcegroups/([^/]+)/providers/microsoft\.network/loadbalancers/([^/]+)/probes/([^/]+)/?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ProbeReference:
    """`networkProfile.healthProbe.id`, taken apart."""

    load_balancer: str
    probe: str


def put_load_balancer(path: str, document: object, now: datetime) -> LoadBalancer:
    """Creates or replaces a load balancer; scale sets that use a probe of it are probed as it says from now on. Raises Refused."""
    group, name = finding.split(path)
    location_name = _checked(document)
    location = catalog.find_location(location_name)
    if location is None:
        raise Refused(
            "LocationNotAvailableForResourceType", f"there is no location {location_name!r}", target="location"
        )
    key = ScaleSet.key_of(group, name)
    with transaction.atomic():
        row, _ = LoadBalancer.objects.update_or_create(
            key=key,
            defaults={"location": location, "document": document},
            create_defaults={
                "location": location,
                "document": document,
                "resource_group": group,
                "name": name,
            },
        )
        _tell_users(row, now)
    return row


def _checked(document: object) -> str:
    """The location's name. Raises Refused where a probe cannot be used."""
    try:
        for probe in documents.member(document, "properties", "probes") or ():
            _read(probe)
        return documents.text(document, "location", required=True)
    except BadDocument as error:
        raise Refused(error.code, error.message, target=error.target) from error


def _read(probe: object) -> ProbeModel:
    return documents.read_probe(documents.member(probe, "properties"), interval=INTERVAL, threshold=THRESHOLD)


def _tell_users(row: LoadBalancer, now: datetime) -> None:
    pattern = (
        f"/resourcegroups/{row.resource_group}/providers/microsoft.network/loadbalancers/{row.name}/probes/".lower()
    )
    users = ScaleSet.objects.filter(probe_id__contains=pattern).order_by("pk")
    with writing(now, *users.values_list("pk", flat=True)) as w:
        for user in w.scale_sets:
            set_probe(user, find_probe(user.probe_id))
            user.save(update_fields=PROBE_FIELDS)
            w.changed(user)


PROBE_FIELDS = ["probe_protocol", "probe_port", "probe_path", "probe_interval_seconds", "probe_threshold"]


def set_probe(row: ScaleSet, probe: ProbeModel | None) -> None:
    """The columns of the row that say how its health is asked for."""
    row.probe_protocol = probe.protocol if probe else ""
    row.probe_port = probe.port if probe else 0
    row.probe_path = probe.path if probe else ""
    row.probe_interval_seconds = probe.interval_seconds if probe else 5
    row.probe_threshold = probe.threshold if probe else 1


def find_probe(probe_id: str) -> ProbeModel:
    """The probe that an id points at (S-39). Raises Refused where it points at nothing."""
    match = _PROBE_ID.fullmatch(probe_id)
    if match is None:
        message = f"a health probe's id is /subscriptions/.../loadBalancers/NAME/probes/NAME, not {probe_id!r}"
        raise Refused("InvalidResourceReference", message, target=probe_id)
    group, name, probe_name = match.groups()
    row = LoadBalancer.objects.filter(key=ScaleSet.key_of(group, name)).first()
    probes: list[Mapping[str, Any]] = documents.member(row.document, "properties", "probes") or [] if row else []
    for probe in probes:
        if str(documents.member(probe, "name")).lower() == probe_name.lower():
            return _read(probe)
    what = (
        f"load balancer {group}/{name} has no probe {probe_name!r}"
        if row
        else f"there is no load balancer {group}/{name}"
    )
    raise Refused("InvalidResourceReference", f"{what}; put it before the scale set that refers to it", target=probe_id)
