"""Where new versions of an SKU come from by themselves."""

from datetime import datetime, timedelta

from django.core.validators import MinValueValidator
from django.db import models

from upgrades.models.image import ImageSku
from upgrades.models.location import Location


class ImageSource(models.Model):
    """A source that is checked now and then. Its newest version is downloaded, verified, imported in `locations`, and published there."""

    class Kind(models.TextChoices):
        DIRECTORY = "directory", "a folder with SHA256SUMS"
        SIMPLESTREAMS = "simplestreams", "a simplestreams index"

    name = models.SlugField(max_length=64, unique=True)
    enabled = models.BooleanField(default=True)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    root = models.CharField(
        max_length=500, help_text="A folder of the workers' computer, or an http(s) address: the folder above streams/."
    )
    sku = models.ForeignKey(
        ImageSku, on_delete=models.PROTECT, related_name="sources", help_text="Gets the source's versions."
    )
    locations = models.ManyToManyField(Location, help_text="Where they are imported and published.")

    pattern = models.CharField(
        max_length=200,
        blank=True,
        help_text="Of a folder: the names of its images, with * for the version, such as debian-*.qcow2.",
    )
    product = models.CharField(
        max_length=200,
        blank=True,
        help_text="Of an index, such as com.ubuntu.cloud:server:22.04:amd64; * and ? fit anything.",
    )
    item = models.CharField(
        max_length=100,
        blank=True,
        help_text="Of an index: the ftype of its items, such as disk1.img; of two files incus.tar.xz+squashfs.",
    )
    arch = models.CharField(max_length=32, blank=True, help_text="Of an index: the architecture; empty for any.")
    version_prefix = models.CharField(
        max_length=40,
        blank=True,
        help_text="Is put before the source's version: with 22.04, 20241004 is 22.04.20241004.",
    )

    keyring = models.CharField(
        max_length=500,
        blank=True,
        help_text="A file of the workers' computer with the keys that may sign (gpg --export).",
    )
    allow_unsigned = models.BooleanField(
        default=False,
        help_text="Take images that nobody has signed. Whoever can change the source can change your machines.",
    )
    check_minutes = models.PositiveIntegerField(default=60, help_text="How often it is checked.")

    keep_versions = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="How many of its newest versions are kept; older ones that nothing refers to are deleted. Empty: all are kept.",
    )

    # What the checks found; people do not write it.
    checked_at = models.DateTimeField(null=True, editable=False)
    error = models.TextField(blank=True, editable=False)
    error_since = models.DateTimeField(null=True, editable=False)
    newest_version = models.CharField(max_length=80, blank=True, editable=False)
    updated = models.JSONField(default=dict, editable=False, help_text="When its files were made, by their own word.")
    claimed_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def queues(self) -> list[str]:
        """Those of its locations. Only the workers of a location's queue can give its provider a file."""
        return sorted(set(self.locations.values_list("queue", flat=True)))

    def is_due(self, now: datetime) -> bool:
        """Also where the clock was set back."""
        if self.checked_at is None:
            return True
        return not now - timedelta(minutes=self.check_minutes) < self.checked_at <= now
