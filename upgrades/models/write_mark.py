"""A row that is written only to find out whether the database can be written."""

from datetime import datetime

from django.db import models


class WriteMark(models.Model):
    """One row. Nothing reads it."""

    at = models.DateTimeField(editable=False)

    def __str__(self) -> str:
        return f"{self.at}"

    @classmethod
    def leave(cls, now: datetime) -> None:
        """Write the row. Raises the database's error where that fails."""
        if not cls.objects.filter(pk=1).update(at=now):
            WriteMark.objects.bulk_create([WriteMark(pk=1, at=now)], ignore_conflicts=True)
