"""Image files that were imported, and what is in them."""

from collections.abc import Collection

from django.db import models

from upgrades.core.image_contents import ImageContents, contents_from_json
from upgrades.models.image import ImageSku
from upgrades.models.image_source import ImageSource
from upgrades.models.location import Location


class ImportedImage(models.Model):
    """The file that a version is made of in one location.

    `contents`: as `contents_to_json` writes it. `package_count`: None where it is not known.
    """

    sku = models.ForeignKey(ImageSku, on_delete=models.CASCADE, related_name="imported")
    version = models.CharField(max_length=80)
    location = models.ForeignKey(Location, on_delete=models.CASCADE)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    contents = models.JSONField(default=dict)
    package_count = models.IntegerField(null=True)
    imported_at = models.DateTimeField()
    source = models.ForeignKey(ImageSource, on_delete=models.SET_NULL, null=True, related_name="imported")
    removed_at = models.DateTimeField(
        null=True, help_text="When its file was deleted, because nothing needed it any more."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sku", "version", "location"], name="one_imported_image_of_a_version")
        ]

    def __str__(self) -> str:
        return f"{self.sku}:{self.version} in {self.location.name}"


def contents_of_versions(sku: ImageSku, location: Location, versions: Collection[str]) -> dict[str, ImageContents]:
    """{version: its contents} of those that were imported there."""
    rows = ImportedImage.objects.filter(sku=sku, location=location, version__in=versions)
    return {version: contents_from_json(found) for version, found in rows.values_list("version", "contents")}
