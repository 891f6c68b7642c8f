"""Instances of scale sets, and their opt-outs."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from upgrades.core import messages
from upgrades.core.extensions import key_of_machine
from upgrades.core.machines import InstanceView
from upgrades.core.model_parts import AppliedModel, parts_brought
from upgrades.core.states import OFF, Health, InstanceUpgradeState, OperationKind, Power, Provisioning
from upgrades.models.scale_set import ScaleSet
from upgrades.models.work_item import WorkItem


def _choices(states: type[Health] | type[Power] | type[Provisioning] | type[OperationKind]) -> list[tuple[str, str]]:
    return [(state.value, state.value) for state in states]


MODEL_FIELDS = ("model_parts", "steady_parts")
FAILURE_FIELDS = ("failed_version", "failed_on", "failures", "quarantined_at")
VIEW_FIELDS = (
    "os_disk",
    "version",
    "address",
    "power",
    "provisioning",
    "data_disks",
    "extensions",
    "extensions_key",
    "runs",
    "half_made",
    "reported_version",
    "missing_since",
    "was_made",
    "creation_tries",
    "creation_tried_at",
    "creation_error_code",
    "creation_error",
)


MAX_TRIES = 1000  # counting stops here: the wait before the next try has reached its maximum long before


class Instance(models.Model):
    """One instance of a scale set. `number` is Azure's instanceId.

    `health_since`: when its health was last made void (created, reimaged); only verdicts on its present OS disk count after that.
    `health_changed_at`: when a verdict last changed its health; empty while none has since then.
    `extensions_key`: which extensions were run on it, as core/extensions.py writes it, for comparing.
    `operation_*`: the operation that runs on it now, if any; its id is the provider's idempotency key.
    `address`: where it can be probed, in the provider's own notation.
    `missing_since`: since when it is known to have no machine; `was_made`: it had one before. `creation_*`: how many times in a row its
    machine could not be made, when last (empty: it is tried again at once), and what the provider said.
    `model_parts`: the parts of the model that it was last made from (core/model_parts.py). `steady_parts`: where the model was changed
    while an operation ran on it, {"parts": those that stayed the same}, which the operation brings in any case; otherwise {}.
    """

    scale_set = models.ForeignKey(ScaleSet, on_delete=models.CASCADE, related_name="instances")
    number = models.PositiveIntegerField()
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField()

    version = models.CharField(max_length=80, blank=True)
    os_disk = models.CharField(max_length=200, blank=True)
    data_disks = models.JSONField(default=list)
    address = models.CharField(max_length=200, blank=True)
    power = models.CharField(max_length=16, choices=_choices(Power), default=Power.STARTING)
    provisioning = models.CharField(max_length=16, choices=_choices(Provisioning), default=Provisioning.CREATING)
    extensions = models.JSONField(default=list)
    extensions_key = models.TextField(blank=True)
    runs = models.JSONField(default=list)
    model_parts = models.JSONField(default=dict, editable=False)
    steady_parts = models.JSONField(default=dict, editable=False)
    reported_version = models.CharField(max_length=80, blank=True, help_text="Which version its OS says it is.")
    half_made = models.BooleanField(default=False, help_text="Work on its OS disk ended half way.")

    health = models.CharField(max_length=16, choices=_choices(Health), default=Health.INITIALIZING)
    health_since = models.DateTimeField()
    health_changed_at = models.DateTimeField(null=True)
    health_detail = models.CharField(max_length=200, blank=True)
    failed_version = models.CharField(max_length=80, blank=True)
    approved_version = models.CharField(
        max_length=80, blank=True, help_text="The version that a person approved for it, where upgrades are deferred."
    )
    failed_on = models.JSONField(
        default=dict, help_text="How often it failed on each version since its last upgrade that went well."
    )
    failures = models.PositiveSmallIntegerField(default=0, help_text="Failed upgrades in a row.")
    quarantined_at = models.DateTimeField(null=True, help_text="Since when the platform leaves it alone.")

    missing_since = models.DateTimeField(null=True)
    was_made = models.BooleanField(default=False)
    creation_tries = models.PositiveSmallIntegerField(default=0)
    creation_tried_at = models.DateTimeField(null=True)
    creation_error_code = models.CharField(max_length=100, blank=True)
    creation_error = models.TextField(blank=True)

    protected_from_scale_in = models.BooleanField(default=False)
    protection_asked = models.BooleanField(
        default=False, editable=False, help_text="A client of the API has said that it is not protected."
    )

    operation_id = models.UUIDField(null=True)
    operation_kind = models.CharField(max_length=16, choices=_choices(OperationKind), blank=True)
    operation_version = models.CharField(max_length=80, blank=True)
    operation_at = models.DateTimeField(null=True)
    member = models.ForeignKey(
        "upgrades.InstanceUpgrade", on_delete=models.SET_NULL, null=True, related_name="+", help_text="The latest one."
    )
    work_item = models.ForeignKey(WorkItem, on_delete=models.SET_NULL, null=True, related_name="instances")

    class Meta:
        ordering = ["scale_set", "number"]
        constraints = [models.UniqueConstraint(fields=["scale_set", "number"], name="one_row_per_instance")]

    def __str__(self) -> str:
        return self.name

    @property
    def health_began_at(self) -> datetime:
        """When its present health began: when it was last made void, or last changed by a verdict after that."""
        return max(self.health_since, self.health_changed_at or self.health_since)

    @property
    def applied_model(self) -> AppliedModel:
        """What it was last made from."""
        has_machine = self.missing_since is None and self.operation_kind != OperationKind.CREATE
        return AppliedModel(self.model_parts, self.version, self.extensions_key, has_machine)

    def note_brought(self, before: AppliedModel, model_parts: Mapping[str, Any]) -> None:
        """Note what its present operation, which went well, has brought of the model. `before`: what it was made from until then."""
        sent = self.steady_parts.get("parts", model_parts)
        self.model_parts = parts_brought(OperationKind(self.operation_kind), sent, before)

    @property
    def is_up(self) -> bool:
        """Does its machine run, provisioned?"""
        return self.power == Power.RUNNING and self.provisioning == Provisioning.SUCCEEDED

    def take_health(self, health: Health, detail: str, now: datetime) -> None:
        """Set its health from a verdict. Another `detail` for the same health leaves `health_changed_at` as it is."""
        if self.health != health:
            self.health_changed_at = now
        self.health, self.health_detail = health, detail

    def note_success(self) -> None:
        """Forget its failures and its quarantine, after an upgrade that went well."""
        self.failed_version, self.failed_on, self.failures, self.quarantined_at = "", {}, 0, None

    def note_failure(self, version: str) -> None:
        """Count a failed upgrade to `version`. core/suspicion.py tells whether the instance or the version is at fault."""
        self.failed_version = version
        self.failed_on = {**self.failed_on, version: self.failed_on.get(version, 0) + 1}
        self.failures += 1

    def take_view(self, view: InstanceView) -> None:
        """Set the fields that come from the provider's view of the machine (VIEW_FIELDS). Its health is not one of them."""
        self.os_disk, self.version, self.address = view.os_disk, view.version, view.address
        self.provisioning = view.provisioning
        if not (self.power == Power.DEALLOCATED and view.power in OFF):
            self.power = view.power
        self.data_disks = [asdict(disk) for disk in view.data_disks]
        self.extensions = [asdict(extension) for extension in view.extensions]
        self.extensions_key = key_of_machine(view.extensions)
        self.runs = [asdict(run) for run in view.runs]
        self.half_made, self.reported_version = view.half_made, view.reported_version
        self._take_creation(None, False)
        self.creation_tries, self.creation_error_code, self.creation_error = 0, "", ""

    def note_creation_failed(self, code: str, message: str, now: datetime) -> None:
        """Note that its machine could not be made. It is tried again after a while (core/missing.py)."""
        self.creation_tries = min(self.creation_tries + 1, MAX_TRIES)
        self.creation_error_code, self.creation_error = code[:100], message
        self._take_creation(self.missing_since or now, self.was_made)
        self.creation_tried_at = now
        self.health_detail = f"it could not be created: {message}"[:200]

    def note_gone(self, now: datetime) -> None:
        """Note that its machine is gone at the provider. All that was known of it is cleared, for the next machine will be a new one."""
        self.note_success()
        self.os_disk, self.version, self.address, self.data_disks = "", "", "", []
        self.extensions, self.extensions_key, self.runs, self.half_made, self.reported_version = [], "", [], False, ""
        self.creation_tries, self.creation_error_code, self.creation_error = 0, "", ""
        self.model_parts, self.steady_parts = {}, {}
        self._take_creation(now, True)
        self.health_since, self.health_detail = now, messages.GONE

    def _take_creation(self, missing_since: datetime | None, was_made: bool) -> None:
        self.missing_since, self.was_made, self.creation_tried_at = missing_since, was_made, None
        if missing_since is not None:
            self.power, self.provisioning = Power.UNKNOWN, Provisioning.FAILED
            self.take_health(Health.UNKNOWN, self.health_detail, missing_since)


def is_surge_instance() -> Q:
    """A condition: instances made to replace another that have not done so yet. The old instance counts; these do not."""
    return Q(member__replacement=F("pk")) & ~Q(member__state=InstanceUpgradeState.SUCCEEDED)


def is_replaced() -> Q:
    """A condition: instances that were replaced by a surge instance. They are to be deleted."""
    was_replaced = Q(member__replacement_number__isnull=False, member__state=InstanceUpgradeState.SUCCEEDED)
    return was_replaced & Q(member__instance=F("pk"))


def staying() -> Q:
    """A condition: all instances but those that are being deleted, and surge instances. As `core.facts.Facts.staying`."""
    return ~Q(operation_kind=OperationKind.DELETE) & ~is_surge_instance()


def is_excluded_from_counts() -> Q:
    """A condition: the one of a pair of old and surge instance that no count includes, as long as both exist and the upgrade runs."""
    is_leaving = is_replaced() & Q(operation_kind=OperationKind.DELETE, member__upgrade__ended_at=None)
    return is_surge_instance() | is_leaving


class OptOut(models.Model):
    """A person's or a client's wish that an instance is not upgraded: who, why, until when. Opt-outs that ended are kept.

    One with the scope "upgrade" holds for all attempts at its version: until a person ends it, an attempt completes, or an upgrade to
    another version begins.
    """

    class Scope(models.TextChoices):
        UPGRADE = "upgrade", "until the running upgrade ends"
        UNTIL = "until", "until the given time"

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="opt_outs")
    owner = models.CharField(max_length=150)
    reason = models.CharField(max_length=500)
    scope = models.CharField(max_length=16, choices=Scope.choices, default=Scope.UNTIL)
    version = models.CharField(
        max_length=80,
        blank=True,
        help_text="Of one for this upgrade: the version of its attempts; empty: whatever comes first.",
    )
    created_at = models.DateTimeField()
    until = models.DateTimeField(null=True, help_text="Empty: for ever.")
    until_before = models.DateTimeField(null=True, help_text="Of one that somebody is ending: its end before that.")
    ending_by = models.CharField(
        max_length=150, blank=True, help_text="Who is ending it: for some seconds that can be taken back."
    )
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "opt-out"
        constraints = [
            models.UniqueConstraint(
                fields=["instance"], condition=Q(ended_at=None), name="one_open_opt_out_per_instance"
            )
        ]

    def __str__(self) -> str:
        return f"{self.instance} opted out by {self.owner}"


def open_for_an_upgrade(scale_set: ScaleSet) -> models.QuerySet[OptOut]:
    """The open opt-outs with the scope "upgrade"."""
    return OptOut.objects.filter(instance__scale_set=scale_set, ended_at=None, scope=OptOut.Scope.UPGRADE)


def end_opt_outs(over: models.QuerySet[OptOut], by: str, now: datetime) -> list[Instance]:
    """End these opt-outs. Returns their instances, which are changed by it."""
    rows = list(Instance.objects.filter(opt_outs__in=over))
    over.update(ended_at=now, ended_by=by)
    return rows


NOTE_OF_ANOTHER_VERSION = "Its opt-out was of an upgrade to another version."


def retarget_opt_outs(scale_set: ScaleSet, version: str, now: datetime) -> list[Instance]:
    """Fit the opt-outs with the scope "upgrade" to an upgrade to `version` that begins now.

    Those for another version end, and those for no version yet are for this one from now on. Returns the instances whose opt-outs ended.
    """
    those = open_for_an_upgrade(scale_set)
    rows = end_opt_outs(those.exclude(version__in=("", version)), f"the upgrade to {version}", now)
    those.filter(version="").update(version=version)
    return rows


def in_force(now: datetime) -> models.QuerySet[OptOut]:
    """The opt-outs that are in force now: not ended, and their time is not over."""
    return OptOut.objects.filter(Q(until=None) | Q(until__gt=now), ended_at=None)


def is_opted_out(now: datetime) -> Exists:
    """A condition on instances: an opt-out is in force. As `InstanceFacts.is_opted_out`: never in a set that is being deleted."""
    return Exists(in_force(now).filter(instance=OuterRef("pk"), instance__scale_set__deleting=False))
