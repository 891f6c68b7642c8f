"""The image catalogue: which SKUs are supported, and which versions of them are published where."""

from django.db import models

from upgrades.core import versions
from upgrades.models.location import Location


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

    def versions_in(self, location: Location) -> list[str]:
        """The versions published there, in no order."""
        published = self.versions.filter(models.Q(limited_to=None) | models.Q(limited_to=location))
        return list(published.values_list("version", flat=True))

    def latest_in(self, location: Location) -> str | None:
        """What "latest" means there; None while nothing is published."""
        return versions.newest(self.versions_in(location))

    def is_supported_in(self, location: Location) -> bool:
        """S-21: a row can be limited to some locations."""
        limits = set(self.limited_to.values_list("pk", flat=True))
        return not limits or location.pk in limits

    @staticmethod
    def key_of(publisher: str, offer: str, sku: str) -> str:
        """Azure compares image names without regard to case."""
        return f"{publisher}:{offer}:{sku}".lower()


class ImageVersion(models.Model):
    """A published version. It never changes; a newer one supersedes it."""

    sku = models.ForeignKey(ImageSku, on_delete=models.CASCADE, related_name="versions")
    version = models.CharField(max_length=80)
    published_at = models.DateTimeField()
    limited_to = models.ManyToManyField(
        Location, blank=True, help_text="The only locations where it is published; empty: everywhere."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sku", "version"], name="one_row_per_image_version")]

    def __str__(self) -> str:
        return f"{self.sku}:{self.version}"
