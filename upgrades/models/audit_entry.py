"""The audit trail: who did what to what, from where, and how it ended. Written once, never changed."""

from datetime import datetime
from typing import Any, NoReturn

from django.db import models
from django.db.models.functions import Now

from upgrades.core.auditing import AuditOutcome

NEVER = "an audit entry is written once: it is neither changed nor deleted, and goes when its time has come (ROLLGRID_KEEP_HISTORY_DAYS)"


class AppendOnly(Exception):
    """An attempt to change or delete an entry that was written."""

    def __init__(self) -> None:
        super().__init__(NEVER)


class Entries(models.QuerySet["AuditEntry"]):
    """A queryset that can only add and read rows, and forget old ones."""

    def update(self, **changes: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly

    def bulk_update(self, *args: Any, **options: Any) -> NoReturn:
        raise AppendOnly

    def forget(self, before: datetime, max_rows: int) -> int:
        """Delete the oldest entries from before this time, at most `most` of them. Returns how many."""
        ids = list(self.filter(at__lt=before).order_by("pk").values_list("pk", flat=True)[:max_rows])
        return self.filter(pk__in=ids)._raw_delete(self.db) if ids else 0


class AuditEntry(models.Model):
    """One thing that somebody did. It has no foreign keys, only text, so that it stays when the person or the object is deleted.

    `code` says what was done, for programs (ImagePublished), `says` for people. `before` and `after` hold only what differs, without
    secrets. `path` names the object as people do ("fleet/web"), `key` is the same in lower case. Entries of one request share `request_id`.
    `who`, `entry_point` and `kind` hold values of core/auditing.py, without `choices`: a new value needs no migration.
    """

    at = models.DateTimeField(db_index=True, db_default=Now())
    who = models.CharField(max_length=16)
    name = models.CharField(max_length=150, blank=True)
    who_id = models.CharField(max_length=64, blank=True)
    entry_point = models.CharField(max_length=16)
    came_from = models.CharField(max_length=200, blank=True)
    request_id = models.CharField(max_length=100, blank=True, db_index=True)
    code = models.CharField(max_length=64)
    says = models.CharField(max_length=500)
    kind = models.CharField(max_length=24, blank=True)
    path = models.CharField(max_length=300, blank=True)
    key = models.CharField(max_length=300, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    outcome = models.CharField(max_length=8, default=AuditOutcome.DONE)
    error_code = models.CharField(max_length=64, blank=True)
    error_message = models.CharField(max_length=500, blank=True)

    objects = Entries.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "audit entries"
        base_manager_name = "objects"
        indexes = [
            models.Index(fields=["key", "id"], name="audit_by_object"),
            models.Index(fields=["name", "id"], name="audit_by_name"),
            models.Index(fields=["code", "id"], name="audit_by_code"),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.who}: {self.says}"

    def save(self, *args: Any, **options: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **{**options, "force_insert": True})

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise AppendOnly
