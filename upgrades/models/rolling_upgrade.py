"""Rolling upgrades, their batches, and each instance's part in them. Progress is counted from these rows, never stored."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Value

from upgrades.core.board import progress_from_counts
from upgrades.core.facts import Breach, ExceededLimit, ImageReference
from upgrades.core.policy import Policy, policy_to_json
from upgrades.core.progress import Progress, progress_from
from upgrades.core.sentences import sentence_shape, with_message
from upgrades.core.states import (
    HAS_FAILED,
    OFF,
    FaultCode,
    InstanceUpgradeState,
    OperationKind,
    StartedBy,
    UpgradeKind,
    UpgradeStatus,
)
from upgrades.core.versions import is_older
from upgrades.models.image import ImageVersion
from upgrades.models.instance import Instance, OptOut, is_surge_instance
from upgrades.models.prepared import Prepared
from upgrades.models.scale_set import ScaleSet


def breach_to_row(breach: Breach) -> dict[str, Any]:
    """A breach as JSON, with its message also in the shape in which the feed sends sentences."""
    return {**asdict(breach), "sentence": sentence_shape(breach.message)}


def breach_from_row(stored: dict[str, Any]) -> Breach:
    exceeded = stored["exceeded"]
    return Breach(
        FaultCode(stored["code"]),
        stored["message"],
        tuple(stored["instances"]),
        ExceededLimit(**exceeded) if exceeded else None,
    )


class RollingUpgrade(models.Model):
    """One rolling upgrade. `policy` is the one really used, fixed at the start; `target_*` is the concrete image.

    An upgrade of the extensions has `target_extensions`, fixed at the start too (core/extensions.py), and no `target_version`.

    `only_failed`: it takes only instances that failed on this version; `takes_failed`: it takes these too; `takes_newer`: it takes
    instances on a newer version too.
    `upgraded_first`: the numbers of the instances that were unhealthy when a person asked for unhealthy ones first.
    `ends_by`: when its time is over; None where it is deferred, since it waits for approvals as long as people take.
    `wait_began_at`: when the pause after its last batch began, or, once it has ended, the wait for the next attempt; shifted when a clock
    jumps. `skip_pause_at`: when a person asked to skip that pause. `retry_skipped_by`: who asked to try it again at once after it was
    stopped.
    `breach`: what stopped it (facts.Breach); `error`: the same in Azure's shape; both are set already while its status is RollingBack.
    `record`: how it stood when it ended (core/board.py); None while it runs, and for upgrades that ended before records were kept.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    scale_set = models.ForeignKey(ScaleSet, on_delete=models.CASCADE, related_name="upgrades")
    kind = models.CharField(
        max_length=16, choices=[(kind.value, kind.value) for kind in UpgradeKind], default=UpgradeKind.IMAGE.value
    )
    target_publisher = models.CharField(max_length=80)
    target_offer = models.CharField(max_length=80)
    target_sku = models.CharField(max_length=80)
    target_version = models.CharField(max_length=80, blank=True)
    target_extensions = models.TextField(blank=True)
    policy = models.JSONField()
    started_by = models.CharField(max_length=16, choices=[(starter.value, starter.value) for starter in StartedBy])
    started_by_name = models.CharField(max_length=150, blank=True)
    status = models.CharField(max_length=16, choices=[(status.value, status.value) for status in UpgradeStatus])
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    cancel_requested_by = models.CharField(max_length=150, blank=True)
    paused_by = models.CharField(max_length=150, blank=True)
    paused_at = models.DateTimeField(null=True)
    wait_began_at = models.DateTimeField(null=True)
    skip_pause_at = models.DateTimeField(null=True)
    only_failed = models.BooleanField(default=False)
    upgraded_first = models.JSONField(
        default=list, help_text="The unhealthy instances that a person wants upgraded first."
    )
    takes_failed = models.BooleanField(default=True)
    takes_newer = models.BooleanField(default=False)
    ends_by = models.DateTimeField(null=True)
    retry_skipped_by = models.CharField(max_length=150, blank=True)
    cancel_requested_at = models.DateTimeField(null=True)
    error = models.JSONField(null=True)
    breach = models.JSONField(null=True)
    pending_at_end = models.PositiveIntegerField(null=True)
    record = models.JSONField(null=True, editable=False)

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["scale_set"], condition=Q(ended_at=None), name="one_running_upgrade_per_set"
            )
        ]

    def __str__(self) -> str:
        return f"{self.scale_set} {self.aim}"

    @property
    def aim(self) -> str:
        """What it brings, in words that follow "upgrade"."""
        return "of extensions" if self.kind == UpgradeKind.EXTENSIONS else f"to {self.target_version}"

    @property
    def is_automatic(self) -> bool:
        """Whether the platform started it, and not a person."""
        return self.started_by == StartedBy.PLATFORM

    def called(self, name: object) -> str:
        """Its name in words, with that of its scale set: "upgrade of NAME to 16.04.2", or "extension upgrade of NAME"."""
        is_image = self.kind == UpgradeKind.IMAGE
        return f"upgrade of {name} to {self.target_version}" if is_image else f"extension upgrade of {name}"

    @classmethod
    def begin(
        cls,
        row: ScaleSet,
        target: ImageReference,
        started_by: StartedBy,
        now: datetime,
        *,
        policy: Policy,
        lasts_at_most: timedelta,
        name: str = "",
        only_failed: bool = False,
        takes_failed: bool = True,
        upgraded_first: Sequence[int] = (),
        takes_newer: bool = False,
        extensions: str = "",
    ) -> "RollingUpgrade":
        """Create a running upgrade, of the extensions where they are given. Raises IntegrityError where one is running already.

        Its `started_at` is always after that of the one before, even if the clock was set back: the latest upgrade is found by it.
        """
        before = row.upgrades.order_by("-started_at").values_list("started_at", flat=True).first()
        return cls.objects.create(
            scale_set=row,
            kind=UpgradeKind.EXTENSIONS if extensions else UpgradeKind.IMAGE,
            target_extensions=extensions,
            target_publisher=target.publisher,
            target_offer=target.offer,
            target_sku=target.sku,
            target_version=target.version,
            policy=policy_to_json(policy),
            started_by=started_by,
            started_by_name=name,
            only_failed=only_failed,
            takes_failed=takes_failed,
            upgraded_first=list(upgraded_first),
            takes_newer=takes_newer,
            ends_by=None if policy.deferral else now + lasts_at_most,
            status=UpgradeStatus.ROLLING_FORWARD,
            started_at=max(now, before + timedelta(milliseconds=1)) if before else now,
        )

    @property
    def target(self) -> ImageReference:
        return ImageReference(self.target_publisher, self.target_offer, self.target_sku, self.target_version)

    def progress(self) -> Progress:
        """The four counts; they add up to the instances targeted (S-52). Opted-out instances are in none of them.

        For an upgrade that has ended they come from its record and never change. For a running one they are those of
        `core.progress.progress_of`, but counted by SQL, since every event of an upgrade has them; tests/models/test_counts.py and
        tests/orchestrator/test_pending_counts.py compare them with core.
        """
        if self.record is not None:
            return progress_from_counts(self.record["counts"])
        if self.pending_at_end is None:
            return progress_from(*self._count_now())
        counts = self.members.order_by().values_list("state").annotate(models.Count("pk"))
        return progress_from(dict(counts), self.pending_at_end)

    def _count_now(self) -> tuple[dict[str, int], int]:
        """({state: how many members}, how many instances still wait), in one query: between two queries a batch could begin."""
        by_platform, is_image = self.started_by == StartedBy.PLATFORM, self.kind == UpgradeKind.IMAGE
        counts = _counts_of(by_platform, is_image, self.only_failed, self.takes_failed)
        values = [self.target_version if is_image else self.target_extensions]
        if is_image and not self.only_failed and self.takes_failed:
            values = []
        found = counts.rows(self.scale_set_id, self.pk, *values)
        by_state = {of: count for what, of, count in found if what == "state"}
        return by_state, self._to_move({of: count for what, of, count in found if what == "version"})

    def _to_move(self, by_version: dict[str, int]) -> int:
        """How many of {version: count} the upgrade would take: all, where the version does not matter; else as in `core.batches`."""
        whatever_version = self.only_failed or self.kind == UpgradeKind.EXTENSIONS
        either_way = set(by_version) if self.takes_newer else self._withdrawn(by_version)
        return sum(
            count
            for version, count in by_version.items()
            if whatever_version
            or not version  # half made
            or is_older(version, self.target_version)
            or (version in either_way and version != self.target_version)
        )

    def _withdrawn(self, by_version: Iterable[str]) -> set[str]:
        """The withdrawn ones of these versions, from which an upgrade by a person also goes to an older version; else none."""
        if self.started_by != StartedBy.USER or self.kind != UpgradeKind.IMAGE:
            return set()
        withdrawn = ImageVersion.objects.filter(sku=self.scale_set.sku_id, version__in=list(by_version))
        return set(withdrawn.exclude(withdrawn_at=None).values_list("version", flat=True))


_HALF_MADE = Q(half_made=True, operation_kind="")


def _waiting(scale_set_id: int, upgrade_id: uuid.UUID, *, is_of_platform: bool) -> "models.QuerySet[Instance]":
    """The instances that are still to come, as in `core.batches.pending`.

    This and the functions below are the only copy of that rule; tests/orchestrator/test_pending_counts.py compares it with core.
    """
    rows = (
        Instance.objects.filter(scale_set=scale_set_id, missing_since=None)
        .exclude(Q(version="") & ~_HALF_MADE)
        .exclude(power__in=OFF, operation_kind="", half_made=False)
        .exclude(operation_kind__in=(OperationKind.CREATE, OperationKind.DELETE))
        .exclude(Exists(InstanceUpgrade.objects.filter(upgrade=upgrade_id, instance=OuterRef("pk"))))
        .exclude(is_surge_instance())
        .exclude(Exists(OptOut.objects.filter(instance=OuterRef("pk"), ended_at=None)))
    )
    return rows.filter(quarantined_at=None) if is_of_platform else rows


def _lacking(
    rows: "models.QuerySet[Instance]", version: str, extensions: str | None, only_failed: bool, takes_failed: bool
) -> "models.QuerySet[Instance]":
    if extensions is not None:
        return rows.exclude(version="").exclude(extensions_key=extensions)
    if only_failed:
        return rows.filter(failed_version=version)
    return rows if takes_failed else rows.exclude(failed_version=version)


@cache
def _counts_of(is_of_platform: bool, is_image: bool, only_failed: bool, takes_failed: bool) -> Prepared[Any]:
    """The query for upgrades of this kind: rows ("state", a member's state, count) and ("version", a waiting instance's, count)."""

    def build(scale_set_id: int, upgrade_id: uuid.UUID, wanted: str = "") -> Any:
        states = InstanceUpgrade.objects.filter(upgrade=upgrade_id).annotate(what=Value("state"), of=F("state"))
        waiting = _waiting(scale_set_id, upgrade_id, is_of_platform=is_of_platform)
        lacking = _lacking(waiting, wanted, None if is_image else wanted, only_failed, takes_failed)
        versions = lacking.annotate(what=Value("version"), of=F("version"))
        counts = [rows.order_by().values_list("what", "of").annotate(models.Count("pk")) for rows in (states, versions)]
        return counts[0].union(counts[1], all=True)

    return Prepared(build)


class Batch(models.Model):
    """A batch of an upgrade. Batches are numbered from 1."""

    upgrade = models.ForeignKey(RollingUpgrade, on_delete=models.CASCADE, related_name="batches")
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    why = models.CharField(max_length=500, blank=True, help_text="How its instances were chosen.")
    # Which message of the catalogue `why` is, with its values, so that pages can say it in their language (core/sentences.py).
    message = models.JSONField(default=dict, editable=False)

    class Meta:
        ordering = ["upgrade", "number"]
        constraints = [models.UniqueConstraint(fields=["upgrade", "number"], name="one_row_per_batch")]

    def __str__(self) -> str:
        return f"batch {self.number} of {self.upgrade}"

    @property
    def why_sentence(self) -> str:
        """`why`, with the message that it was made from."""
        return with_message(self.why, self.message)


class InstanceUpgrade(models.Model):
    """One instance's part in one upgrade. Its id is the idempotency key of the reimage, or of the run of its extensions.

    `swapped_at` is when that operation ended; both OS disks are "" where none was replaced.
    The instance may be deleted later; `instance_number` stays, for the history.

    `replacement`: the surge instance that is to take the instance's place, if any. Then the id is the key of its creation, `swapped_at` the
    end of that, and `new_os_disk` belongs to it. It may be deleted later too; `replacement_number` stays.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    upgrade = models.ForeignKey(RollingUpgrade, on_delete=models.CASCADE, related_name="members")
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="members")
    instance = models.ForeignKey(Instance, on_delete=models.SET_NULL, null=True, related_name="upgrades")
    instance_number = models.PositiveIntegerField()
    replacement = models.ForeignKey(Instance, on_delete=models.SET_NULL, null=True, related_name="replaces")
    replacement_number = models.PositiveIntegerField(null=True)
    state = models.CharField(max_length=16, choices=[(state.value, state.value) for state in InstanceUpgradeState])
    from_version = models.CharField(max_length=80)
    from_parts = models.JSONField(default=dict, editable=False)  # of the model, on its old OS disk
    old_os_disk = models.CharField(max_length=200, blank=True)
    new_os_disk = models.CharField(max_length=200, blank=True)
    swapped_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=100, blank=True)
    error_message = models.TextField(blank=True)
    rollback_error = models.TextField(blank=True, help_text="Why its old OS disk could not be put back.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["upgrade", "instance_number"], name="once_per_upgrade")]
        indexes = [
            models.Index(
                fields=["upgrade"],
                condition=Q(state__in=sorted(state.value for state in HAS_FAILED)),
                name="failed_members",
            )
        ]

    def __str__(self) -> str:
        return f"instance {self.instance_number} in {self.upgrade}"

    @property
    def kind(self) -> UpgradeKind:
        """The kind of its upgrade, without reading that: only upgrades of the image have an old OS disk."""
        return UpgradeKind.IMAGE if self.old_os_disk else UpgradeKind.EXTENSIONS


_LATEST = Prepared(lambda pk: RollingUpgrade.objects.filter(scale_set=pk)[:1])
_BATCHES = Prepared(lambda pk: Batch.objects.filter(upgrade=pk).order_by("number"))


def latest_upgrade(row: ScaleSet) -> RollingUpgrade | None:
    """The scale set's upgrade that started last, running or not, with its batches prefetched."""
    latest = _LATEST.first(row.pk)
    if latest is not None:
        latest.scale_set = row
        batches = latest.batches.all()
        batches._result_cache = _BATCHES.rows(latest.pk)
        latest.__dict__["_prefetched_objects_cache"] = {"batches": batches}
    return latest
