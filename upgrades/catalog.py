"""Read only: the image catalogue, that is which SKUs are supported where; and finding locations and SKUs by their names."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Q

from upgrades.core import versions
from upgrades.core.facts import Withdrawal
from upgrades.core.image_contents import (
    Changed,
    ImageChanges,
    changes_between,
    contents_from_json,
    package_changes,
    sentence_of_changes,
)
from upgrades.models import ImageSku, ImageSource, ImportedImage, Instance, Location, ScaleSet

MAX_PACKAGES = 200  # shown of those that change


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
class ImportedFile:
    """The file of a version in one location, and what is in it; "" and None for what is not known. `size`: in bytes."""

    pk: int
    location: str
    size: int
    os_name: str
    kernel: str
    package_count: int | None


@dataclass(frozen=True, slots=True)
class Offered:
    """One version of an SKU: where it is published (`only_in` empty: in all locations), and how many instances run it.

    `failed`: how many instances failed on it, run another version, and had no upgrade that went well since.
    `withdrawal`: who withdrew it, and why. `imports`: the files that were imported for it, by location.
    """

    version: str
    published_at: datetime
    only_in: tuple[str, ...]
    instances: int
    failed: int = 0
    withdrawal: Withdrawal | None = None
    imports: tuple["ImportedFile", ...] = ()

    @property
    def tried(self) -> int:
        return self.failed + self.instances


@dataclass(frozen=True, slots=True)
class Overview:
    """An SKU with its versions, newest first, and the scale sets that use it.

    `changes`: what the newest imported version brings. `sources`: where new versions come from by themselves.
    """

    sku: ImageSku
    versions: tuple[Offered, ...]
    scale_sets: tuple[ScaleSet, ...]
    changes: ImageChanges | None = None
    sources: tuple[ImageSource, ...] = ()

    @property
    def changes_sentence(self) -> str:
        return sentence_of_changes(self.changes) if self.changes else ""

    @property
    def package_changes(self) -> list[Changed]:
        """The first ones: name, version before, version after."""
        return package_changes(self.changes)[:MAX_PACKAGES] if self.changes else []

    @property
    def latest(self) -> str:
        """The newest version that is published anywhere and not withdrawn; "" while there is none."""
        return next((version.version for version in self.versions if version.withdrawal is None), "")

    @property
    def instances(self) -> int:
        return sum(version.instances for version in self.versions)


def overview() -> list[Overview]:
    """The whole catalogue with counts of instances, in a constant number of queries."""
    skus = ImageSku.objects.prefetch_related("versions__limited_to", "sources")
    running, failed, imports = _running(), _failed(), _imports()
    users: dict[int, list[ScaleSet]] = {}
    for row in ScaleSet.objects.only("key", "resource_group", "name", "sku_id").order_by("key"):
        users.setdefault(row.sku_id, []).append(row)
    offered = {sku.pk: _offered(sku, running, failed, imports) for sku in skus}
    changes = _changes(offered)
    return [
        Overview(sku, offered[sku.pk], tuple(users.get(sku.pk, ())), changes.get(sku.pk), tuple(sku.sources.all()))
        for sku in skus
    ]


def _imports() -> dict[tuple[int, str], list[ImportedFile]]:
    """{(pk of the SKU, version): its files}, without all that is in them."""
    columns = ("pk", "location__name", "size", "contents__os_name", "contents__kernel", "package_count")
    found: dict[tuple[int, str], list[ImportedFile]] = {}
    rows = ImportedImage.objects.filter(removed_at=None).order_by("location__name")
    for sku, version, *values in rows.values_list("sku", "version", *columns):
        pk, location, size, os_name, kernel, count = values
        file = ImportedFile(pk, location, size, os_name or "", kernel or "", count)
        found.setdefault((sku, version), []).append(file)
    return found


def _changes(offered: Mapping[int, Sequence[Offered]]) -> dict[int, ImageChanges]:
    """{pk of the SKU: what changes from the last imported version but one to the last one of the same location}."""
    pairs = {sku: pair for sku, rows in offered.items() if (pair := _last_two(rows))}
    files = [file for pair in pairs.values() for _, file in pair]
    rows = ImportedImage.objects.filter(pk__in=files).values_list("pk", "contents") if files else ()
    known = {pk: contents_from_json(found) for pk, found in rows}
    return {
        sku: changes_between(older, known.get(before), newer, known.get(after))
        for sku, ((newer, after), (older, before)) in pairs.items()
    }


def _last_two(rows: Sequence[Offered]) -> tuple[tuple[str, int], tuple[str, int]] | None:
    """(version, pk of its file) of the last two versions that were imported in the same location, the newer one first."""
    last = dict[str, tuple[str, int]]()
    for row in rows:
        for file in row.imports:
            if file.location in last:
                return last[file.location], (row.version, file.pk)
            last[file.location] = (row.version, file.pk)
    return None


def _running() -> Counter[tuple[int, str]]:
    """{(pk of the SKU, version): how many instances run it}."""
    counts = Instance.objects.order_by().values_list("scale_set__sku", "version").annotate(Count("pk"))
    return Counter({(sku, version): count for sku, version, count in counts})


def _failed() -> Counter[tuple[int, str]]:
    """{(pk of the SKU, version): how many instances failed on it and do not run it}."""
    failed = Instance.objects.exclude(failed_version="").exclude(failed_version=F("version")).order_by()
    counts = failed.values_list("scale_set__sku", "failed_version").annotate(Count("pk"))
    return Counter({(sku, version): count for sku, version, count in counts})


def _offered(
    sku: ImageSku,
    running: Counter[tuple[int, str]],
    failed: Counter[tuple[int, str]],
    imports: Mapping[tuple[int, str], Sequence[ImportedFile]],
) -> tuple[Offered, ...]:
    rows = sorted(sku.versions.all(), key=lambda row: versions.parse(row.version), reverse=True)
    return tuple(
        Offered(
            row.version,
            row.published_at,
            tuple(location.name for location in row.limited_to.all()),
            running[sku.pk, row.version],
            failed[sku.pk, row.version],
            row.withdrawal,
            tuple(imports.get((sku.pk, row.version), ())),
        )
        for row in rows
    )
