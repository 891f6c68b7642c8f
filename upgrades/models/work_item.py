"""Outside work that is under way: who does it, and until when that is believed."""

from django.db import models

from upgrades.models.scale_set import ScaleSet


class WorkItem(models.Model):
    """Up to a hundred operations on machines, done by one task at a time. It is gone when all of them are done.

    `worked_until` is the lease, renewed each second by whoever works on it; once it lapses a look hands the chunk out again.
    `number` goes up with each hand-out and each take-up, so that of two deliveries of one message only the first works.
    `attempts` counts the take-ups, each of about three seconds: how long it is worked on, whatever the clocks do.
    """

    scale_set = models.ForeignKey(ScaleSet, on_delete=models.CASCADE, related_name="work_items")
    worked_until = models.DateTimeField(null=True)
    number = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"chunk {self.pk} of {self.scale_set}"
