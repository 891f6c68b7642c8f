"""How versions did on the instances of a scale set, counted from the history of its upgrades."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import QuerySet

from upgrades.core.facts import VersionResults
from upgrades.core.machines import NO_QUOTA_CODES
from upgrades.core.states import HAS_FAILED, Health, InstanceUpgradeState, UpgradeKind
from upgrades.models.instance import Instance
from upgrades.models.prepared import Prepared
from upgrades.models.rolling_upgrade import InstanceUpgrade
from upgrades.models.scale_set import ScaleSet


def version_results_of(row: ScaleSet) -> dict[str, VersionResults]:
    """{version: its results} for each version of the scale set's image that failed on some instance.

    The last result of each instance counts, also of instances that are gone. A creation that was refused for lack of quota does not count.
    """
    versions = sorted(_FAILED_VERSIONS.rows(row.pk, row.sku.publisher, row.sku.offer, row.sku.sku))
    if not versions:
        return {}
    well = {version: dict[int, bool]() for version in versions}
    for version, number, is_well in _said(row, versions):
        well[version][number] = is_well
    elsewhere = set(_WELL_ELSEWHERE.rows(versions, row.pk, row.sku_id, row.location_id))
    return {
        version: VersionResults(
            sum(1 for is_well in said.values() if not is_well), sum(said.values()), version in elsewhere
        )
        for version, said in well.items()
    }


def _said(row: ScaleSet, versions: Sequence[str]) -> Iterator[tuple[str, int, bool]]:
    """(version, number of an instance, did it go well?): first instances that are healthy on a version now, then upgrade by upgrade.

    An old instance and its surge instance count as one, under the number of the old one.
    """
    for version, number in _HEALTHY_NOW.rows(row.pk, versions):
        yield version, number, True
    for version, number, state, error in _ENDED.rows(versions, row.pk, row.sku.publisher, row.sku.offer, row.sku.sku):
        if error not in NO_QUOTA_CODES:
            yield version, number, state == InstanceUpgradeState.SUCCEEDED


def _healthy_now(scale_set_id: int, versions: Sequence[str]) -> QuerySet[Instance, tuple[str, int]]:
    well = Instance.objects.filter(
        scale_set=scale_set_id, version__in=versions, health=Health.HEALTHY, operation_kind=""
    )
    return well.exclude(replaces__isnull=False).values_list("version", "number")


def _ended(versions: Sequence[str], scale_set_id: int, *image: str) -> QuerySet[InstanceUpgrade, tuple[Any, ...]]:
    ended = _members(scale_set_id, *image).filter(
        upgrade__target_version__in=versions, state__in=(InstanceUpgradeState.SUCCEEDED, *HAS_FAILED)
    )
    columns = ("upgrade__target_version", "instance_number", "state", "error_code")
    return ended.order_by("upgrade__started_at").values_list(*columns)


def _failed_versions(scale_set_id: int, *image: str) -> QuerySet[InstanceUpgrade, str]:
    failed = _members(scale_set_id, *image).filter(state__in=HAS_FAILED).exclude(error_code__in=NO_QUOTA_CODES)
    return failed.order_by().values_list("upgrade__target_version", flat=True).distinct()


def _members(scale_set_id: int, publisher: str, offer: str, sku: str) -> QuerySet[InstanceUpgrade]:
    return InstanceUpgrade.objects.filter(
        upgrade__scale_set=scale_set_id,
        upgrade__kind=UpgradeKind.IMAGE,
        upgrade__target_publisher=publisher,
        upgrade__target_offer=offer,
        upgrade__target_sku=sku,
    )


def _well_elsewhere(versions: Sequence[str], scale_set_id: int, sku: int, location: int) -> QuerySet[Instance, str]:
    """The versions on which instances are healthy in other scale sets of the same SKU and location."""
    others = Instance.objects.filter(scale_set__sku=sku, scale_set__location=location).exclude(scale_set=scale_set_id)
    well = others.filter(version__in=versions, health=Health.HEALTHY, operation_kind="")
    return well.order_by().values_list("version", flat=True).distinct()


_FAILED_VERSIONS = Prepared(_failed_versions)
_HEALTHY_NOW = Prepared(_healthy_now)
_ENDED = Prepared(_ended)
_WELL_ELSEWHERE = Prepared(_well_elsewhere)
