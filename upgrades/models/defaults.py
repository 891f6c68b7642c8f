"""The upgrade policy of new scale sets."""

from datetime import timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from upgrades.core.policy import FIELDS, MAX_PAUSE, FieldKind, Policy


def _percent(name: str) -> "models.PositiveSmallIntegerField[int, int]":
    field = FIELDS[name]
    limits = [MinValueValidator(field.min_percent), MaxValueValidator(100)]
    return models.PositiveSmallIntegerField(
        default=field.default,
        validators=limits,
        help_text=f"{field.help.removesuffix('.')}; Azure's own is {field.default}.",
    )


LIMITS = tuple(name for name, field in FIELDS.items() if field.kind is FieldKind.PERCENT)


class UpgradeDefaults(models.Model):
    """The limits of new scale sets whose document has none. One row; it has Azure's own values until somebody changes it."""

    max_batch_percent = _percent("max_batch_percent")
    max_unhealthy_percent = _percent("max_unhealthy_percent")
    max_unhealthy_upgraded_percent = _percent("max_unhealthy_upgraded_percent")
    pause_seconds = models.FloatField(
        "pause between batches",
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(MAX_PAUSE.total_seconds())],
        help_text=FIELDS["pause_between_batches"].help,
    )

    class Meta:
        verbose_name = "default upgrade policy"
        verbose_name_plural = "default upgrade policy"

    def __str__(self) -> str:
        return "of new scale sets"

    @property
    def policy(self) -> Policy:
        """A policy with these limits, and Azure's defaults for the rest."""
        limits = {name: getattr(self, name) for name in LIMITS}
        return Policy(pause_between_batches=timedelta(seconds=self.pause_seconds), **limits)
