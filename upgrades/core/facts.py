"""Everything that `decide` looks at, in frozen dataclasses. Only `observe` and the tests make them.

Times are aware datetimes, percents are whole numbers from 0 to 100, and instance ids are the numbers that the scale set gives.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, TypeVar

from upgrades.core.credentials import Credential, FailedReference
from upgrades.core.machines import ELSEWHERE_CODE
from upgrades.core.policy import Policy
from upgrades.core.states import (
    HAS_FAILED,
    FaultCode,
    Health,
    ImageObstacle,
    InstanceUpgradeState,
    KeptOSDisk,
    StartedBy,
    UpgradeKind,
    UpgradeStatus,
)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ImageReference:
    """A platform image. `version` is a version number ("16.04.201809250") or "latest"."""

    publisher: str
    offer: str
    sku: str
    version: str

    def __str__(self) -> str:
        return f"{self.publisher}:{self.offer}:{self.sku}:{self.version}"


@dataclass(frozen=True, slots=True)
class Hold:
    """A request of `owner` that something is not upgraded, for `reason`.

    `until`: None where the hold lasts until somebody ends it. `version`: the only version that it holds back, in all attempts at that
    version; "" for all versions. `since` is not compared: one request may hold several instances that were opted out at different times.
    """

    owner: str
    reason: str
    until: datetime | None = None
    since: datetime | None = field(default=None, compare=False)
    version: str = ""


@dataclass(frozen=True, slots=True)
class MissingMachine:
    """Why an instance has no machine, and `since` when.

    `had_machine`: it had one, which is gone at the provider; False where none could be created so far. `tries`: how many creations in a
    row the provider refused or failed. `tried_at`: the time of the last of them; None where the next one need not wait. `error`,
    `error_code`: the provider's error message for the last of them, and its code.
    """

    since: datetime
    had_machine: bool = False
    tries: int = 0
    tried_at: datetime | None = None
    error: str = ""
    error_code: str = ""

    @property
    def is_elsewhere(self) -> bool:
        """Does its machine seem to run on another host, because somebody moved it?"""
        return self.error_code == ELSEWHERE_CODE


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """One instance as it is now.

    `version`: the image version that it runs, "" until its first image is on it.
    `health_since`: when its health was last made void, by its creation or a reimage.
    `opt_out`: a person's hold; the instance is not touched while it lasts.
    `is_protected_from_scale_in`: a scale-in never removes the instance; upgrades take it all the same.
    `is_busy`: an operation of ours runs on its machine. `is_being_deleted`, `is_being_created`: that operation is its deletion, or its
    creation.
    `is_switched_off`: its machine is switched off, so it serves nobody; it is upgraded after it is started again (Z-1.12).
    `is_quarantined`: it failed so often where others succeeded that the platform leaves it alone; a person may still upgrade it.
    `extensions_key`: the key of the extensions that were run on it (core/extensions.py).
    `failed_version`: the version of its last failed upgrade. `was_rolled_back`: its last upgrade failed, and its old OS disk was put back.
    `approved_version`: the version that a person approved for it, "" for none.
    `zone`, `update_domain`: "" where there are none.
    `is_unused_surge`: a surge instance that has not replaced the old instance yet, so no count includes it.
    `missing`: it has no machine, and waits for one to be created.
    `runs_withdrawn_version`: the version that it runs was withdrawn.
    `drifted_to`: the version that its OS says it is, where that is another one than its OS disk's; "" where they agree.
    `is_half_made`: the work on its OS disk ended half way. It runs no version that is known, and an upgrade is to do that work again.
    """

    id: int
    version: str
    health: Health = Health.HEALTHY
    health_since: datetime | None = None
    opt_out: Hold | None = None
    is_protected_from_scale_in: bool = False
    is_busy: bool = False
    is_being_deleted: bool = False
    is_switched_off: bool = False
    is_quarantined: bool = False
    extensions_key: str = ""
    failed_version: str = ""
    approved_version: str = ""
    zone: str = ""
    update_domain: str = ""
    is_unused_surge: bool = False
    is_being_created: bool = False
    missing: MissingMachine | None = None
    runs_withdrawn_version: bool = False
    was_rolled_back: bool = False
    is_half_made: bool = False
    drifted_to: str = ""

    @property
    def is_opted_out(self) -> bool:
        return self.opt_out is not None

    def is_opted_out_of(self, version: str) -> bool:
        """Does its opt-out keep the next upgrade away, if that is to `version`? For the upgrade that runs now, ask `is_opted_out`."""
        return self.opt_out is not None and self.opt_out.version in ("", version)

    @property
    def has_machine(self) -> bool:
        """Is there a machine? One that is still being created does not count."""
        return not self.is_being_created and self.missing is None


@dataclass(frozen=True, slots=True)
class InstanceUpgradeFacts:
    """One instance's part in one upgrade. `instance` is its id.

    `swapped_at`: when its OS disk was replaced, or its extensions had run. `may_roll_back`: as far as is known, its old OS disk can be put
    back. `error`: what went wrong, in words. `replacement`: in a batch that surges, the id of the new instance that is to take its place.
    Then `swapped_at` is the time at which the new instance was created, and nothing is done to the old one until it is deleted.
    """

    instance: int
    state: InstanceUpgradeState
    swapped_at: datetime | None = None
    may_roll_back: bool = True
    error: str = ""
    replacement: int | None = None

    @property
    def upgraded_id(self) -> int:
        """The id of the instance that runs the target version, or is to run it: the replacement where there is one."""
        return self.instance if self.replacement is None else self.replacement

    @property
    def existing_id(self) -> int:
        """The id of the instance that exists afterwards: the old one if its upgrade failed, because then it was not replaced."""
        return self.instance if self.state in HAS_FAILED else self.upgraded_id


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch of an upgrade. Batches are numbered from 1, here and on every screen.

    `ended_at`: when the batch was over. `finished_at`: the time from which the pause after it counts; another one where the clock jumped.
    `why`: how its instances were chosen, in a sentence.
    """

    number: int
    members: tuple[InstanceUpgradeFacts, ...]
    finished_at: datetime | None = None
    started_at: datetime | None = field(default=None, compare=False)
    ended_at: datetime | None = field(default=None, compare=False)
    why: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ExceededLimit:
    """A share of instances that was over its limit, both in percent. `of_upgraded`: a share of those upgraded so far, not of all."""

    share_percent: float
    limit_percent: int
    of_upgraded: bool


@dataclass(frozen=True, slots=True)
class Breach:
    """What stopped an upgrade: Azure's code and sentence, the ids of the instances at fault, and the limit that was exceeded, if any."""

    code: FaultCode
    message: str
    instances: tuple[int, ...]
    exceeded: ExceededLimit | None = None


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The rolling upgrade that is running.

    `only_failed`: it takes only instances that failed on its target version. `takes_failed`: it takes them besides the others.
    `takes_newer`: it takes instances on a newer version than its target too, because the scale set is pinned to the target.
    `upgraded_first`: the ids of instances that were unhealthy when a person asked for the unhealthy ones to be upgraded before any other.
    `ends_by`: when its time is over. `pause_is_skipped`: a person asked for the next batch now.
    `breach`: why it was stopped, while it still rolls back.
    `extensions_key`: in an upgrade of `kind` EXTENSIONS, the key of those that its instances are to have; `target` has no version then.
    """

    target: ImageReference
    started_by: StartedBy
    policy: Policy = Policy()
    cancel_requested_by: str = ""
    paused_by: str = ""
    pause_is_skipped: bool = False
    only_failed: bool = False
    takes_failed: bool = True
    upgraded_first: frozenset[int] = frozenset()
    takes_newer: bool = False
    ends_by: datetime | None = None
    breach: Breach | None = None
    batches: tuple[Batch, ...] = ()
    kind: UpgradeKind = UpgradeKind.IMAGE
    extensions_key: str = ""
    # What `members` has computed already: a list, because nothing can be assigned to a field of a frozen dataclass.
    _cache_members: list[tuple[InstanceUpgradeFacts, ...]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    @property
    def members(self) -> tuple[InstanceUpgradeFacts, ...]:
        if not self._cache_members:
            self._cache_members.append(tuple(chain.from_iterable(batch.members for batch in self.batches)))
        return self._cache_members[0]

    @property
    def surges(self) -> bool:
        """Do batches create new instances? Never in an upgrade of extensions: they are run on the present machines."""
        return self.policy.max_surge and self.kind is UpgradeKind.IMAGE


@dataclass(frozen=True, slots=True)
class Attempt:
    """How the last image upgrade of the scale set ended.

    `has_begun`: it changed at least one instance, or an error or its time stopped it. `ended_at`: when the wait for the next attempt
    begins. `cancelled_by`: the person who cancelled it, "" where it ended otherwise. `attempts_stopped_in_a_row`: how many attempts in a
    row at this target, up to and including this one, touched something and were stopped. `wait_is_skipped`: a person asked for the next
    attempt at once. `paused_by`: the person who paused it, which holds back the next attempt too. `takes_failed`: it was to take instances
    that had failed on that version before, besides the others.
    """

    target_version: str
    status: UpgradeStatus
    has_begun: bool
    ended_at: datetime | None = None
    cancelled_by: str = ""
    attempts_stopped_in_a_row: int = 0
    wait_is_skipped: bool = False
    paused_by: str = ""
    takes_failed: bool = False


@dataclass(frozen=True, slots=True)
class StoppedUpgrade:
    """The latest upgrade of a scale set, where an error has ended it. `left`: how many instances it failed on or did not take."""

    kind: UpgradeKind
    left: int


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Why a published version was withdrawn, and `by` whom. A withdrawn version is never chosen again."""

    by: str
    reason: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class VersionResults:
    """How a version did in one scale set: on how many of its instances it `failed`, and on how many it `succeeded`.

    `succeeded_elsewhere`: it succeeded on instances of other scale sets in this location that follow the same image.
    """

    failed: int = 0
    succeeded: int = 0
    succeeded_elsewhere: bool = False

    @property
    def tried(self) -> int:
        return self.failed + self.succeeded


@dataclass(frozen=True, slots=True)
class Facts:
    """A scale set as it is now.

    Images: `latest_image` is the newest one in its location that was not withdrawn, or the one that the set is pinned to; None where
    there is none. `pinned_to`: the version that its model names, "" where it follows the latest. `withdrawn`: the withdrawn versions of
    its image. `newest_good`: the image for new instances where the latest version is suspected (core/suspicion.py), otherwise None.
    `target_results`: how the target version of the running upgrade, or else the latest version, did in this set so far.
    `automatic`: automatic OS upgrades are on. `credentials`: those in the model whose end is known, the first to end first.
    `failed_references`: what of the model's references failed its last check.

    Policies: `policy` is that of the platform's upgrades, `policy_by_hand` that of a person's; None where both are the same.

    Health: `health_interval`: how often each instance is probed. `health_complete_at`: the set's health is complete up to this time; None
    before the first round of probes. `probed_without_gap_since`: since when health was reported without a gap; None where no gap is known.
    `health_wait`: how long an instance may take to become healthy.

    Waits: `retry_after`: the wait after the first stopped attempt at a version. `create_again_after`: the wait after the first failed
    creation of a machine. Both double with each further failure. `fleet_stop`: the hold on all upgrades that the platform starts.

    Quota: `available_quota`: how many more machines the provider would create for this set now, None where it sets no limit. The provider
    is asked before each batch that surges. `available_quota_is_known`: False where it gave no answer.

    Provider: `provider_error`: why it cannot be reached, "" where it can; `provider_error_since`: since when. `kept_os_disk`: what it puts
    back in a rollback. `obstacle`: why it could make no OS disk of the target's image now, None where it could; `obstacle_message`: the
    provider's own words for that. The provider is asked right before an upgrade or a batch begins.
    """

    capacity: int
    instances: tuple[InstanceFacts, ...] = ()
    latest_image: ImageReference | None = None
    follows_latest: bool = True
    automatic: bool = True
    policy: Policy = Policy()
    policy_by_hand: Policy | None = None
    health_wait: timedelta = timedelta(minutes=5)
    health_complete_at: datetime | None = None
    probed_without_gap_since: datetime | None = None
    health_interval: timedelta = timedelta(seconds=5)
    retry_after: timedelta = timedelta(minutes=30)
    create_again_after: timedelta = timedelta(seconds=15)
    fleet_stop: Hold | None = None
    available_quota: int | None = None
    available_quota_is_known: bool = True
    provider_error: str = ""
    provider_error_since: datetime | None = None
    kept_os_disk: KeptOSDisk = KeptOSDisk.EXACT
    obstacle: ImageObstacle | None = None
    obstacle_message: str = ""
    upgrade: Upgrade | None = None
    last_attempt: Attempt | None = None
    stopped: StoppedUpgrade | None = None
    target_results: VersionResults = VersionResults()
    newest_good: ImageReference | None = None
    pinned_to: str = ""
    withdrawn: Mapping[str, Withdrawal] = field(default_factory=dict)
    credentials: tuple[Credential, ...] = ()
    failed_references: tuple[FailedReference, ...] = ()
    # What `instance` and `cached` below have computed already.
    _cache_by_id: dict[int, InstanceFacts] = field(default_factory=dict, init=False, repr=False, compare=False)
    _cache: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def cached(self, key: Hashable, compute: Callable[[], Result]) -> Result:
        """The result of `compute`, called once for these facts. `key`: its name, with everything besides the facts that it depends on."""
        if key not in self._cache:
            self._cache[key] = compute()
        result: Result = self._cache[key]
        return result

    @property
    def staying(self) -> tuple[InstanceFacts, ...]:
        """All instances, except those that are being deleted and surge instances that have replaced nothing yet."""
        return self.cached(
            "staying",
            lambda: tuple(
                instance
                for instance in self.instances
                if not instance.is_being_deleted and not instance.is_unused_surge
            ),
        )

    @property
    def counted(self) -> tuple[InstanceFacts, ...]:
        """The instances that every limit is a percent of: those that can serve.

        Left out are instances that are being deleted, surge instances that have replaced nothing yet, switched-off instances, and those
        without a machine."""
        return self.cached(
            "counted",
            lambda: tuple(
                instance for instance in self.staying if not instance.is_switched_off and instance.has_machine
            ),
        )

    @property
    def image_for_new_instances(self) -> ImageReference | None:
        """The latest image, or the newest good one where the latest is suspected; None where there is none."""
        return self.newest_good or self.latest_image

    def instance(self, id: int) -> InstanceFacts | None:
        """The instance with this id; None where there is none."""
        if not self._cache_by_id:
            self._cache_by_id.update((instance.id, instance) for instance in self.instances)
        return self._cache_by_id.get(id)
