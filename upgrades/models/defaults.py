"""The upgrade policy of new scale sets."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from upgrades.core.documents import MAX_PAUSE


def _percent(least: int, help_text: str) -> "models.PositiveSmallIntegerField[int, int]":
    limits = [MinValueValidator(least), MaxValueValidator(100)]
    return models.PositiveSmallIntegerField(
        default=20, validators=limits, help_text=f"{help_text} {least} to 100; Azure's own is 20."
    )


class UpgradeDefaults(models.Model):
    """What a new scale set gets whose document says nothing of its limits. One row; Azure's own values until somebody changes it."""

    max_batch_percent = _percent(5, "Of all instances, in one batch.")
    max_unhealthy_percent = _percent(5, "Of all instances; with more than that unhealthy, nothing new begins.")
    max_unhealthy_upgraded_percent = _percent(0, "Of those upgraded; with more than that failed, the upgrade ends.")
    pause_seconds = models.FloatField(
        "pause between batches",
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(MAX_PAUSE.total_seconds())],
        help_text="Seconds, at most a year.",
    )

    class Meta:
        verbose_name = "default upgrade policy"
        verbose_name_plural = "default upgrade policy"

    def __str__(self) -> str:
        return "of new scale sets"
