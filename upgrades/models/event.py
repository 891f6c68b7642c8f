"""Events of the feed (kept for a day), and the compact history behind them (kept for much longer: upgrades/retention.py)."""

from django.db import models

from upgrades.models.scale_set import ScaleSet


class Event(models.Model):
    """Everything visible that one transaction changed in one scale set. `body` holds the new resources whole, never differences."""

    scale_set = models.ForeignKey(ScaleSet, on_delete=models.CASCADE, related_name="events")
    seq = models.BigIntegerField()
    at = models.DateTimeField(db_index=True)
    body = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scale_set", "seq"], name="one_event_per_seq")]

    def __str__(self) -> str:
        return f"event {self.seq} of {self.scale_set}"


class Transition(models.Model):
    """One change, for history and replay: of an instance's state or health, or of an upgrade's status.

    `instance_number` is empty for changes of the upgrade itself; `note` says why, where there is a reason.
    """

    scale_set = models.ForeignKey(ScaleSet, on_delete=models.CASCADE, related_name="transitions")
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    upgrade_id = models.UUIDField(null=True)
    instance_number = models.PositiveIntegerField(null=True)
    state = models.CharField(max_length=16)
    health = models.CharField(max_length=16, blank=True)
    version = models.CharField(max_length=80, blank=True)
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["scale_set", "at"], name="transitions_by_time"),
            models.Index(fields=["upgrade_id"], name="transitions_by_upgrade"),
        ]

    def __str__(self) -> str:
        return f"{self.state} at {self.at}"
