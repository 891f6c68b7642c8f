"""The rows of instances for steps: finds them, makes new ones, and begins to remove them."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import count

from django.db.models import Max

from upgrades.core.states import OperationKind
from upgrades.core.zones import zone_of, zones_of
from upgrades.feed.writing import Writer
from upgrades.models import Instance, InstanceUpgrade, ScaleSet, bulk
from upgrades.models.operations import create_work_items
from upgrades.models.prepared import Prepared


class StaleFacts(Exception):
    """The facts that a step was decided on are true no longer, because something has changed since: observe again."""


def find_instances(writer: Writer, numbers: Iterable[int]) -> list[Instance]:
    """The instances with these numbers, in ascending order. Raises StaleFacts where one of them is gone."""
    wanted = set(numbers)
    found = _INSTANCES_BY_NUMBER.rows(writer.scale_set.pk, sorted(wanted))
    if len(found) != len(wanted):
        raise StaleFacts
    return found


_INSTANCES_BY_NUMBER = Prepared(
    lambda pk, numbers: (
        Instance.objects.filter(scale_set=pk, number__in=numbers).select_related("member").order_by("number")
    )
)


def next_number(row: ScaleSet) -> int:
    """The next free number: above all in use, and above those that the running upgrade has used.

    So within an upgrade no number ever means two instances."""
    highest = row.instances.order_by("-number").values_list("number", flat=True).first()
    members = InstanceUpgrade.objects.filter(upgrade__scale_set=row, upgrade__ended_at=None)
    used = members.aggregate(Max("instance_number"), Max("replacement_number")).values()
    return max((number + 1 for number in (highest, *used) if number is not None), default=0)


def new_instance(row: ScaleSet, number: int, version: str, now: datetime) -> Instance:
    """A new instance, not saved, whose operation is its creation."""
    return Instance(
        scale_set=row,
        number=number,
        name=f"{row.name}_{number}",
        created_at=now,
        health_since=now,
        operation_id=uuid.uuid4(),
        operation_kind=OperationKind.CREATE,
        operation_version=version,
        operation_at=now,
    )


def new_surge_instances(row: ScaleSet, old: Sequence[Instance], version: str, now: datetime) -> list[Instance]:
    """A surge instance for each old one, with a free number that puts it into the same zone (the number decides the zone)."""
    zones, number = zones_of(row.document), next_number(row)
    new: list[Instance] = []
    for instance in old:
        number = next(free for free in count(number) if zone_of(zones, free) == zone_of(zones, instance.number))
        new.append(new_instance(row, number, version, now))
        number += 1
    return new


def begin_removal(rows: Sequence[Instance], writer: Writer) -> None:
    """Begin to delete the instances: give each a delete operation, and create the work items for them."""
    for row in rows:
        row.operation_id, row.operation_kind, row.operation_at = uuid.uuid4(), OperationKind.DELETE, writer.now
    bulk.update(rows, "operation_id", "operation_kind", "operation_at")
    create_work_items(writer.scale_set, rows)
