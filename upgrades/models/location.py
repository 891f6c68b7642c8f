"""Where scale sets live, and who runs their machines there."""

from django.db import models


class Location(models.Model):
    """A region. `provider` is a name of `upgrades.providers`, `settings` that provider's own."""

    name = models.CharField(max_length=64, unique=True, help_text="Lower case without spaces, as in westeurope.")
    display_name = models.CharField(max_length=64)
    provider = models.CharField(max_length=32, default="simulated")
    settings = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.display_name
