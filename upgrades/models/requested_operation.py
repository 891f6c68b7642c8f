"""Operations on single instances that a person or a client asked for."""

from django.db import models

from upgrades.core.states import OperationKind
from upgrades.models.scale_set import ScaleSet


class RequestedOperation(models.Model):
    """One instance's part in a request such as "reimage these". The operation itself is on the instance, as an upgrade's is.

    `id`: the operation's id. `request`: what its client polls. It is over when its instance has another operation, or none; a deletion is
    over when the instance is gone, or it was taken back. `error_*`: what went wrong, in the provider's words or ours.
    """

    id = models.UUIDField(primary_key=True)
    request = models.UUIDField(db_index=True)
    scale_set = models.ForeignKey(ScaleSet, on_delete=models.CASCADE, related_name="+")
    instance_id = models.BigIntegerField()
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=16, choices=[(kind.value, kind.value) for kind in OperationKind])
    asked_at = models.DateTimeField(db_index=True)
    skip_shutdown = models.BooleanField(default=False, help_text="The machine is switched off without asking its OS.")
    error_code = models.CharField(max_length=100, blank=True)
    error_message = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.kind} of instance {self.number}"
