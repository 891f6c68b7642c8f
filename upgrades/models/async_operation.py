"""Azure-AsyncOperations: what a client of the API has started and polls."""

import uuid

from django.db import models


class RequestKind(models.TextChoices):
    PUT = "put"
    DELETE = "delete"
    UPGRADE = "upgrade"
    CANCEL = "cancel"
    APPROVE = "approve"
    DELETE_GROUP = "delete group"
    INSTANCES = "instances"  # operations on instances


class Status(models.TextChoices):
    """How an operation ended, spelled as Azure does ("Canceled" with one l)."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


class AsyncOperation(models.Model):
    """One request whose work goes on after its answer. `key` names what it acts on: "resource group/name" or "resource group".

    `status` and `error` are empty until the operation was found to be over; then they never change.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    kind = models.CharField(max_length=16, choices=RequestKind.choices)
    key = models.CharField(max_length=180)
    scale_set_id = models.BigIntegerField(null=True)
    upgrade_id = models.UUIDField(null=True)
    started_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=16, choices=Status.choices, blank=True)
    error = models.JSONField(null=True)

    def __str__(self) -> str:
        return f"{self.kind} of {self.key}"
