"""Locations of scale sets, and which provider runs the machines there."""

from django.core.validators import RegexValidator
from django.db import models

from upgrades.core.states import KeptOSDisk
from upgrades.installation import QUEUE


class Location(models.Model):
    """A region. `provider` is one of the names in `upgrades.providers`, `settings` are for that provider."""

    class Rules(models.TextChoices):
        DOCUMENT = "document", "as documented in 2018"
        CURRENT = "current", "as Azure does today"

    name = models.CharField(max_length=64, unique=True, help_text="Lower case without spaces, as in westeurope.")
    display_name = models.CharField(max_length=64)
    provider = models.CharField(max_length=32, default="simulated")
    settings = models.JSONField(default=dict, blank=True)
    queue = models.CharField(
        max_length=40,
        blank=True,
        validators=[RegexValidator(rf"\A{QUEUE}\Z", "Use lower-case letters, digits and -.")],
        help_text="Whose workers run its machines: empty for those of this installation, otherwise those that are started with "
        "ROLLGRID_QUEUE set to this name, on its host. Change it only together with the machines.",
    )

    rules = models.CharField(
        max_length=16,
        choices=Rules.choices,
        default=Rules.DOCUMENT,
        help_text="Today automatic upgrades need a source of health, and images of a gallery are allowed.",
    )

    # What the prober found out about the provider; nobody else writes it.
    provider_error = models.TextField(
        blank=True, editable=False, help_text="Why it cannot be reached; empty where it can."
    )
    provider_error_since = models.DateTimeField(null=True, editable=False)
    provider_error_at = models.DateTimeField(null=True, editable=False, help_text="When a prober last confirmed that.")
    contact_since = models.DateTimeField(null=True, editable=False, help_text="Since when it can be reached.")
    kept_os_disk = models.CharField(
        max_length=16,
        choices=[(kept.value, kept.value) for kept in KeptOSDisk],
        default=KeptOSDisk.EXACT,
        editable=False,
        help_text="What a rollback puts back.",
    )
    keeps = models.JSONField(default=list, editable=False, help_text="What stays when an OS disk is replaced.")
    switches_machines = models.BooleanField(
        default=True, editable=False, help_text="It switches machines on and off on request."
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.display_name
