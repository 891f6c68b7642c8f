"""Read only: the image catalogue, that is which SKUs are supported where; and finding locations and SKUs by their names."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Q

from upgrades.core import versions
from upgrades.core.facts import Withdrawal
from upgrades.models import ImageSku, Instance, Location, ScaleSet


def find_location(name: str) -> Location | None:
    """The location with this name or display name, in any case and with or without spaces, as Azure's clients write it."""
    return Location.objects.filter(name=name.replace(" ", "").lower()).first()


def find_sku(publisher: str, offer: str, sku: str) -> ImageSku | None:
    return ImageSku.objects.filter(key=ImageSku.key_of(publisher, offer, sku)).first()


def supported_skus(location: Location | None = None) -> list[ImageSku]:
    """The SKUs supported in this location (None: in any), ordered by key."""
    rows = ImageSku.objects.all()
    if location is not None:
        rows = rows.filter(Q(limited_to=None) | Q(limited_to=location)).distinct()
    return list(rows)


def list_of_skus(location: Location | None = None) -> str:
    """The supported SKUs in one line for people: "Canonical:UbuntuServer:16.04-LTS, ..."."""
    return ", ".join(str(row) for row in supported_skus(location)) or "none"


@dataclass(frozen=True, slots=True)
class Offered:
    """One version of an SKU: where it is published (`only_in` empty: in all locations), and how many instances run it.

    `failed`: how many instances failed on it, run another version, and had no upgrade that went well since.
    `withdrawal`: who withdrew it, and why.
    """

    version: str
    published_at: datetime
    only_in: tuple[str, ...]
    instances: int
    failed: int = 0
    withdrawal: Withdrawal | None = None

    @property
    def tried(self) -> int:
        return self.failed + self.instances


@dataclass(frozen=True, slots=True)
class Overview:
    """An SKU with its versions, newest first, and the scale sets that use it."""

    sku: ImageSku
    versions: tuple[Offered, ...]
    scale_sets: tuple[ScaleSet, ...]

    @property
    def latest(self) -> str:
        """The newest version that is published anywhere and not withdrawn; "" while there is none."""
        return next((version.version for version in self.versions if version.withdrawal is None), "")

    @property
    def instances(self) -> int:
        return sum(version.instances for version in self.versions)


def overview() -> list[Overview]:
    """The whole catalogue with counts of instances, in a constant number of queries."""
    skus = ImageSku.objects.prefetch_related("versions__limited_to")
    running, failed = _running(), _failed()
    users: dict[int, list[ScaleSet]] = {}
    for row in ScaleSet.objects.only("key", "resource_group", "name", "sku_id").order_by("key"):
        users.setdefault(row.sku_id, []).append(row)
    return [Overview(sku, _offered(sku, running, failed), tuple(users.get(sku.pk, ()))) for sku in skus]


def _running() -> Counter[tuple[int, str]]:
    """{(pk of the SKU, version): how many instances run it}."""
    counts = Instance.objects.order_by().values_list("scale_set__sku", "version").annotate(Count("pk"))
    return Counter({(sku, version): count for sku, version, count in counts})


def _failed() -> Counter[tuple[int, str]]:
    """{(pk of the SKU, version): how many instances failed on it and do not run it}."""
    failed = Instance.objects.exclude(failed_version="").exclude(failed_version=F("version")).order_by()
    counts = failed.values_list("scale_set__sku", "failed_version").annotate(Count("pk"))
    return Counter({(sku, version): count for sku, version, count in counts})


def _offered(sku: ImageSku, running: Counter[tuple[int, str]], failed: Counter[tuple[int, str]]) -> tuple[Offered, ...]:
    rows = sorted(sku.versions.all(), key=lambda row: versions.parse(row.version), reverse=True)
    return tuple(
        Offered(
            row.version,
            row.published_at,
            tuple(location.name for location in row.limited_to.all()),
            running[sku.pk, row.version],
            failed[sku.pk, row.version],
            row.withdrawal,
        )
        for row in rows
    )
