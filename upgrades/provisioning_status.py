"""Read only: the provisioning status of many scale sets at once.

The rule is in core/provisioning.py. Its input is counted here by SQL; tests/models/test_counts.py compares that with core.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from upgrades.core import provisioning
from upgrades.core.provisioning import InstanceCounts, ProvisioningStatus
from upgrades.core.states import OperationKind
from upgrades.models import Instance, ScaleSet
from upgrades.models.instance import is_excluded_from_counts, is_opted_out

__all__ = ["ProvisioningStatus", "provisioning_status"]


def provisioning_status(rows: Iterable[ScaleSet], now: datetime) -> dict[int, ProvisioningStatus]:
    """{scale set id: its provisioning status}, in two queries for any number of scale sets."""
    by_id = {row.pk: row for row in rows}
    counts, failed = counts_of(by_id, now), _missing_instances(by_id)
    return {
        pk: provisioning.provisioning_status(
            row.capacity, counts.get(pk, InstanceCounts()), failed[pk], is_being_deleted=row.deleting
        )
        for pk, row in by_id.items()
    }


def counts_of(ids: Iterable[int], now: datetime) -> dict[int, InstanceCounts]:
    """{scale set id: counts of its instances}; scale sets without instances are left out."""
    is_leaving = Q(operation_kind=OperationKind.DELETE)
    counted = (
        _instances(ids)
        .annotate(opted_out=is_opted_out(now))
        .values("scale_set")
        .annotate(
            staying=Count("pk", filter=~is_leaving),
            removable=Count("pk", filter=Q(protected_from_scale_in=False) & Q(opted_out=False) & ~is_leaving),
            changing=Count("pk", filter=Q(operation_kind__in=(OperationKind.CREATE, OperationKind.DELETE))),
        )
    )
    return {
        row[0]: InstanceCounts(*row[1:]) for row in counted.values_list("scale_set", "staying", "removable", "changing")
    }


def _missing_instances(ids: Iterable[int]) -> dict[int, list[tuple[int, str]]]:
    failed: dict[int, list[tuple[int, str]]] = defaultdict(list)
    missing = _instances(ids).filter(missing_since__isnull=False, operation_id=None)
    for pk, number, said in missing.order_by("number").values_list("scale_set", "number", "creation_error"):
        failed[pk].append((number, said))
    return failed


def _instances(ids: Iterable[int]) -> QuerySet[Instance]:
    return Instance.objects.filter(scale_set__in=list(ids)).exclude(is_excluded_from_counts()).order_by()
