"""Scale sets: the client's document, the columns derived from it, and when to reconcile next."""

import uuid
from datetime import timedelta
from typing import Any

from django.db import models

from upgrades.core.model_parts import WantedModel
from upgrades.core.policy import Policy, policy_from_json, policy_to_json
from upgrades.core.typed import tags_of
from upgrades.core.versions import LATEST
from upgrades.models.image import ImageSku
from upgrades.models.location import Location

# How often machines are asked for their state where no probe is configured.
MACHINE_VIEW_INTERVAL = timedelta(seconds=2)


class PolicyColumn(models.JSONField):
    """A `Policy`, stored as JSON."""

    _pyi_private_set_type: Policy
    _pyi_private_get_type: Policy

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Policy:
        return policy_from_json(super().from_db_value(value, expression, connection))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        stored = policy_to_json(value) if isinstance(value, Policy) else value
        return super().get_db_prep_value(stored, connection, prepared)

    def value_to_string(self, obj: models.Model) -> Any:
        return policy_to_json(self.value_from_object(obj))


class ScaleSet(models.Model):
    """A scale set. `key` is "resource group/name" in lower case.

    `document` is the client's, whole except for its secrets, which are in `sealed_secrets`, encrypted. The columns under "derived" are made
    from the document, by `commands.scale_sets` only. `seq` numbers its events; `stream` is another for each row, so that a scale set that
    is created again under the same name has a new one. `decision` is what was decided last, for people.
    `reconciled_at`: when it was reconciled last, `reconcile_at`: when to do so next, `lease_*`: who is doing so now.
    `probed_at`: as of when its health is known; `probed_without_gap_since`: since when that has been kept up to date without a gap.
    """

    key = models.CharField(max_length=180, unique=True)
    resource_group = models.CharField(max_length=90)
    name = models.CharField(max_length=80)
    location = models.ForeignKey(Location, on_delete=models.PROTECT)
    document = models.JSONField()
    sealed_secrets = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField()

    # derived
    capacity = models.PositiveIntegerField()
    sku = models.ForeignKey(ImageSku, on_delete=models.PROTECT)
    image_version = models.CharField(max_length=80, help_text='A version, or "latest".')
    automatic_upgrade = models.BooleanField(default=False)
    policy = PolicyColumn(default=Policy)
    update_domains = models.PositiveSmallIntegerField(default=0, help_text="0: instances are in none.")
    probe_id = models.CharField(max_length=500, blank=True, help_text="The load balancer's probe, in lower case.")
    probe_protocol = models.CharField(
        max_length=8, blank=True, help_text="http, https or tcp; empty: the machine's own state."
    )
    probe_port = models.PositiveIntegerField(default=0)
    probe_path = models.CharField(max_length=2048, blank=True)
    probe_interval_seconds = models.PositiveIntegerField(default=5)
    probe_threshold = models.PositiveIntegerField(default=1)
    probe_is_rich = models.BooleanField(
        default=False,
        help_text="Version 2 of the Application Health extension: the answer's body says how the application is.",
    )
    model_parts = models.JSONField(default=dict, editable=False)  # as core/model_parts.py writes them
    credentials = models.JSONField(default=list, editable=False)  # as core/credentials.py writes them
    failed_references = models.JSONField(
        default=list, editable=False
    )  # what the last check of the model's references found, likewise
    references_due_at = models.DateTimeField(null=True, db_index=True, editable=False, help_text="Empty: now.")
    probe_grace_seconds = models.PositiveIntegerField(
        default=0, help_text="For how long an application may be starting, where the probe is rich."
    )

    # engine
    stream = models.UUIDField(default=uuid.uuid4, editable=False)
    seq = models.BigIntegerField(default=0, editable=False)
    reconcile_at = models.DateTimeField(db_index=True, editable=False)
    reconciled_at = models.DateTimeField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    lease_number = models.BigIntegerField(default=0, editable=False)
    decision = models.JSONField(default=dict, editable=False)
    prober = models.CharField(max_length=64, blank=True, editable=False)
    prober_until = models.DateTimeField(null=True, editable=False)
    probed_at = models.DateTimeField(null=True, editable=False)
    probed_without_gap_since = models.DateTimeField(null=True, editable=False)
    deleting = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["key"]

    def __str__(self) -> str:
        return f"{self.resource_group}/{self.name}"

    @staticmethod
    def key_of(resource_group: str, name: str) -> str:
        """The key of a resource. It is in lower case, since Azure compares names without regard to case."""
        return f"{resource_group}/{name}".lower()

    @staticmethod
    def keys_in(resource_group: str) -> str:
        """The prefix of the keys of all resources in this group."""
        return f"{resource_group}/".lower()

    @property
    def tags(self) -> dict[str, str]:
        return tags_of(self.document)

    def wanted_version(self) -> str | None:
        """The version that its instances should have; None while there is none."""
        return self.sku.wanted_in(self.location, self.image_version)

    def wanted_model(self) -> WantedModel:
        """Its model, for comparing its instances with it."""
        if self.image_version == LATEST:
            return WantedModel(self.model_parts)
        # Where the version that it is pinned to was withdrawn, its instances get another one.
        return WantedModel(self.model_parts, frozenset({self.image_version, self.wanted_version() or ""}))

    @property
    def health_interval(self) -> timedelta:
        """How often each instance is asked for its health."""
        return timedelta(seconds=self.probe_interval_seconds) if self.probe_protocol else MACHINE_VIEW_INTERVAL


def locked_in_order(rows: models.QuerySet[ScaleSet]) -> list[int]:
    """Lock these rows in ascending order, as `writing` does, until the transaction ends. Returns their ids.

    An UPDATE of several rows locks them in any order, so that two of them can deadlock (measured).
    """
    return list(rows.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
