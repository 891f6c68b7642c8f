"""Outside work that is under way, and the lease of the task that does it."""

from django.db import models

from upgrades.models.scale_set import ScaleSet


class WorkItem(models.Model):
    """Up to a hundred operations on machines, done by one task at a time. It is deleted when all of them are done.

    `worked_until` is the lease, renewed each second by the task that works on it; once it lapses `reconcile` claims the work item again.
    `claim_number` goes up with each claim and each start of a task, so that of two deliveries of one message only the first works.
    `begun_until`: until when a call that begins its operations may still arrive at a cloud that cannot be asked about it; empty where none
    was sent. `attempts` counts spans of about three seconds in which it is worked on: so its time is measured without any clock.
    """

    scale_set = models.ForeignKey(ScaleSet, on_delete=models.CASCADE, related_name="work_items")
    worked_until = models.DateTimeField(null=True)
    claim_number = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    begun_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"work item {self.pk} of {self.scale_set}"
