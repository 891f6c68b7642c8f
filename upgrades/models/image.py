"""The image catalogue: which SKUs are supported, and which versions of them are published where."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import models

from upgrades.core import versions
from upgrades.core.facts import Withdrawal
from upgrades.models.location import Location
from upgrades.models.prepared import Prepared


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The versions of an SKU, read in one query: those that can be chosen in one location, and all withdrawn ones of any location."""

    versions: tuple[str, ...]
    withdrawn: Mapping[str, Withdrawal]

    @property
    def latest(self) -> str | None:
        """What "latest" means in this location; None while nothing is published."""
        return versions.newest(self.versions)

    def wanted(self, version: str) -> str | None:
        """The version that a scale set gets whose model names `version`: the same; for "latest" or a withdrawn one the newest, or None."""
        return self.latest if version == versions.LATEST or version in self.withdrawn else version


class ImageSku(models.Model):
    """A platform image that can be upgraded automatically. `key` is "publisher:offer:sku" in lower case."""

    key = models.CharField(max_length=260, unique=True, editable=False)
    publisher = models.CharField(max_length=80)
    offer = models.CharField(max_length=80)
    sku = models.CharField(max_length=80)
    os_type = models.CharField(max_length=16, choices=[("Linux", "Linux"), ("Windows", "Windows")])
    note = models.CharField(max_length=200, blank=True)
    limited_to = models.ManyToManyField(
        Location, blank=True, help_text="The only locations where it is supported; empty: everywhere."
    )
    gallery = models.BooleanField(
        default=False,
        help_text="An image of a gallery: publisher is its resource group, offer the gallery, sku the image's definition.",
    )

    class Meta:
        ordering = ["key"]
        verbose_name = "image SKU"

    def __str__(self) -> str:
        return f"{self.publisher}:{self.offer}:{self.sku}"

    def published_in(self, location: Location) -> "models.QuerySet[ImageVersion]":
        """All versions that were ever published in this location, withdrawn or not."""
        return self.versions.filter(models.Q(limited_to=None) | models.Q(limited_to=location))

    def versions_in(self, location: Location) -> list[str]:
        """The versions published in this location and not withdrawn, in no order."""
        return list(self.published_in(location).filter(withdrawn_at=None).values_list("version", flat=True))

    def latest_in(self, location: Location) -> str | None:
        """What "latest" means in this location; None while nothing is published."""
        return versions.newest(self.versions_in(location))

    def catalogue_in(self, location: Location) -> Catalogue:
        """The catalogue of this SKU in a location, in one query: for callers that need more than one thing of it."""
        rows = _VERSIONS.rows(self.pk)
        there = (None, location.pk)
        return Catalogue(
            versions=tuple(version for version, since, _, _, place in rows if since is None and place in there),
            withdrawn={version: Withdrawal(by, why, since) for version, since, by, why, _ in rows if since is not None},
        )

    def wanted_in(self, location: Location, version: str) -> str | None:
        """The version that a scale set gets, as in `Catalogue.wanted`."""
        return self.catalogue_in(location).wanted(version)

    def withdrawals(self) -> dict[str, Withdrawal]:
        """{version: its withdrawal} of all withdrawn versions."""
        rows = self.versions.exclude(withdrawn_at=None)
        return {row.version: row.withdrawal for row in rows if row.withdrawal}

    def is_supported_in(self, location: Location) -> bool:
        """Whether the SKU is supported in this location (S-21: a row can be limited to some)."""
        limits = set(self.limited_to.values_list("pk", flat=True))
        return not limits or location.pk in limits

    @staticmethod
    def key_of(publisher: str, offer: str, sku: str) -> str:
        """The key of an SKU. It is in lower case, since Azure compares image names without regard to case."""
        return f"{publisher}:{offer}:{sku}".lower()


class ImageVersion(models.Model):
    """A published version. It never changes: a newer one supersedes it, and a withdrawn one is not chosen any more."""

    sku = models.ForeignKey(ImageSku, on_delete=models.CASCADE, related_name="versions")
    version = models.CharField(max_length=80)
    published_at = models.DateTimeField()
    limited_to = models.ManyToManyField(
        Location, blank=True, help_text="The only locations where it is published; empty: everywhere."
    )

    withdrawn_at = models.DateTimeField(null=True, editable=False)
    withdrawn_by = models.CharField(max_length=150, blank=True, editable=False)
    withdrawn_reason = models.CharField(max_length=500, blank=True, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sku", "version"], name="one_row_per_image_version")]

    def __str__(self) -> str:
        return f"{self.sku}:{self.version}"

    @property
    def withdrawal(self) -> Withdrawal | None:
        if self.withdrawn_at is None:
            return None
        return Withdrawal(self.withdrawn_by, self.withdrawn_reason, self.withdrawn_at)


_COLUMNS = ("version", "withdrawn_at", "withdrawn_by", "withdrawn_reason", "limited_to")
_VERSIONS = Prepared(lambda sku: ImageVersion.objects.filter(sku=sku).values_list(*_COLUMNS))
