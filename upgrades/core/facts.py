"""Everything that `decide` looks at: frozen, complete, and made by nobody but `observe` and the tests.

Times are aware datetimes, percents whole numbers from 0 to 100, instance ids the scale set's own numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from upgrades.core.policy import Policy
from upgrades.core.states import FaultCode, Health, MemberState, StartedBy, UpgradeKind, UpgradeStatus


@dataclass(frozen=True, slots=True)
class ImageReference:
    """A platform image. `version` is a concrete one ("16.04.201809250") or "latest"."""

    publisher: str
    offer: str
    sku: str
    version: str

    def __str__(self) -> str:
        return f"{self.publisher}:{self.offer}:{self.sku}:{self.version}"


@dataclass(frozen=True, slots=True)
class Hold:
    """Somebody does not want something upgraded: who, why, until when (None: until it is ended), and since when.

    One wish may hold several instances, said at several times: `since` tells no two wishes apart. `version`: it holds them from upgrades to
    this one only, all attempts at it ("": from all).
    """

    owner: str
    reason: str
    until: datetime | None = None
    since: datetime | None = field(default=None, compare=False)
    version: str = ""


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no machine of an instance: it could not be made, or it is gone at the provider (`was_made`), `since` then.

    `tries`: how many creations in a row were refused or failed, the last of them at `tried_at` (None: the next one need not wait);
    `said`: what the provider said to that.
    """

    since: datetime
    was_made: bool = False
    tries: int = 0
    tried_at: datetime | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """One instance now. `version` is "" until its first image is on it; `busy` while an operation of ours runs on it, `leaving` when
    that is its deletion.

    `opt_out`: it is never touched. `quarantined`: it failed so often where others succeeded that the platform leaves it alone; a person may
    still upgrade it.
    `stopped`: its machine is switched off: it serves nobody, and is upgraded when it is started again (Z-1.12). `kept`: it stays when
    instances are removed, and is upgraded all the same. `health_since`: when its health was last made void (created, reimaged);
    `extensions`: which were run on it (core/extensions.py); `failed_version`: the version of its last failed upgrade; `approved_version`:
    the one that a person approved for it, "" for none. `zone` and `domain` (its update domain) are "" where there are none. `spare`: it
    was made to replace another and has not done so: that one still counts, and this one counts for nothing. `making`: its machine is
    being made; `missing`: it has none, and waits to be made again. `withdrawn`: its version was.
    `rolled_back`: its last upgrade failed, and it got its old OS disk back.
    """

    id: int
    version: str
    health: Health = Health.HEALTHY
    health_since: datetime | None = None
    opt_out: Hold | None = None
    kept: bool = False
    busy: bool = False
    leaving: bool = False
    stopped: bool = False
    quarantined: bool = False
    extensions: str = ""
    failed_version: str = ""
    approved_version: str = ""
    zone: str = ""
    domain: str = ""
    spare: bool = False
    making: bool = False
    missing: Missing | None = None
    withdrawn: bool = False
    rolled_back: bool = False

    @property
    def protected(self) -> bool:
        return self.opt_out is not None

    def is_protected_from(self, version: str) -> bool:
        """From the next upgrade, which is to that version. What holds it from the upgrade that runs is `protected`."""
        return self.opt_out is not None and self.opt_out.version in ("", version)

    @property
    def exists(self) -> bool:
        """There is a machine. One that is being made is none yet."""
        return not self.making and self.missing is None


@dataclass(frozen=True, slots=True)
class Member:
    """One instance's place in one batch; `swapped_at` is the end of its OS disk swap, or of the run of its extensions.

    `may_roll_back`: its old OS disk can be put back, as far as anybody knows. `error`: what went wrong, in words. `replacement`: the new
    instance that is to take its place, where the batch surges; then `swapped_at` is the end of its creation, and nothing is done to the
    old one before it goes.
    """

    instance: int
    state: MemberState
    swapped_at: datetime | None = None
    may_roll_back: bool = True
    error: str = ""
    replacement: int | None = None

    @property
    def upgraded(self) -> int:
        """The instance that has what the upgrade brings, or is to have it."""
        return self.instance if self.replacement is None else self.replacement


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch of an upgrade. Batches are numbered from 1, here and wherever people read.

    `finished_at`: from when the pause after it counts; `ended_at`: when it really was over.
    """

    number: int
    members: tuple[Member, ...]
    finished_at: datetime | None = None
    started_at: datetime | None = field(default=None, compare=False)
    ended_at: datetime | None = field(default=None, compare=False)
    why: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A share that was over its limit, both in percent: of the instances upgraded so far, or of all."""

    share_percent: float
    limit_percent: int
    of_upgraded: bool


@dataclass(frozen=True, slots=True)
class Breach:
    """What stopped an upgrade: Azure's code and sentence, the instances at fault, and by how much, where that was a limit."""

    code: FaultCode
    message: str
    instances: tuple[int, ...]
    exceeded: Exceeded | None = None


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The rolling upgrade that is running.

    `only_failed`: it takes only those that failed on this very version; `takes_failed`: those too. `takes_newer`: and those on a newer
    version than its target, to which the scale set is pinned. `mends`: instances that were unhealthy when a person wanted them upgraded
    before any other. `ends_by`: when its time is over.
    `pause_is_skipped`: somebody wants the next batch now. `breach`: it has been stopped, and rolls back before it ends. `extensions`:
    those that its instances are to have, where it is of that `kind`; it brings no image then, and `target` has no version.
    """

    target: ImageReference
    started_by: StartedBy
    policy: Policy = Policy()
    cancel_requested_by: str = ""
    paused_by: str = ""
    pause_is_skipped: bool = False
    only_failed: bool = False
    takes_failed: bool = True
    mends: frozenset[int] = frozenset()
    takes_newer: bool = False
    ends_by: datetime | None = None
    breach: Breach | None = None
    batches: tuple[Batch, ...] = ()
    kind: UpgradeKind = UpgradeKind.IMAGE
    extensions: str = ""

    @property
    def members(self) -> tuple[Member, ...]:
        return tuple(member for batch in self.batches for member in batch.members)

    @property
    def surges(self) -> bool:
        """New images come with new instances. Extensions are run on those that there are."""
        return self.policy.max_surge and self.kind is UpgradeKind.IMAGE


@dataclass(frozen=True, slots=True)
class Attempt:
    """How the last upgrade of the scale set to an image ended.

    `cancelled_by`: the person who cancelled it, "" where it ended otherwise. `stopped_in_a_row`: how many attempts at this target, this
    one the last, touched something and were stopped by a limit. One that an error or its time stopped counts as if it had.
    `wait_is_skipped`: a person wants it tried again at once. `paused_by`: a person paused it, and that counts for the next attempt too.
    `takes_failed`: it was to take those too that had failed on that version.
    """

    target_version: str
    status: UpgradeStatus
    touched_anything: bool
    ended_at: datetime | None = None
    cancelled_by: str = ""
    stopped_in_a_row: int = 0
    wait_is_skipped: bool = False
    paused_by: str = ""
    takes_failed: bool = False


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Somebody took a version back that was published: it is never chosen again."""

    by: str
    reason: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """How a version did in one scale set: on how many of its instances it failed, and on how many it went well.

    `succeeded_elsewhere`: instances of other scale sets that follow the image in this location are well on it.
    """

    failed: int = 0
    succeeded: int = 0
    succeeded_elsewhere: bool = False

    @property
    def tried(self) -> int:
        return self.failed + self.succeeded


@dataclass(frozen=True, slots=True)
class Facts:
    """A scale set now. `latest` is the newest image for it in its location that was not withdrawn, or the one that it is pinned to; None
    while there is none. `pinned_to`: the version that its model names, "" where it follows the latest. `withdrawn`: versions of its image.

    `health_as_of`: the oldest news among its instances' health; None before the first round of probes. `news_since`: since when such
    news came without a gap; None where nobody remembers one.
    `policy_by_hand`: that of an upgrade that a person starts, None where it is the same. `health_interval`: how often each instance is
    asked. `create_again_after`: how long after a creation that failed the next one comes by itself, where it was the first.
    `retry_after`: how long after a stopped attempt the next one comes by itself. `fleet_stop`: no upgrade of the platform's goes on
    anywhere. `available_quota`: how many more machines the provider would make for it now, None: as many as one likes; it is asked before
    each batch that surges. `available_quota_is_known`: False where it gave no answer. `trial`: how the version of the running upgrade, or
    else the latest one, did here so far. `newest_good`: the image for new instances where it is another than the latest, whose version is
    suspected (core/suspicion.py).
    """

    capacity: int
    instances: tuple[InstanceFacts, ...] = ()
    latest: ImageReference | None = None
    follows_latest: bool = True
    automatic: bool = True
    policy: Policy = Policy()
    policy_by_hand: Policy | None = None
    health_wait: timedelta = timedelta(minutes=5)
    health_as_of: datetime | None = None
    news_since: datetime | None = None
    health_interval: timedelta = timedelta(seconds=5)
    retry_after: timedelta = timedelta(minutes=30)
    create_again_after: timedelta = timedelta(seconds=15)
    fleet_stop: Hold | None = None
    available_quota: int | None = None
    available_quota_is_known: bool = True
    upgrade: Upgrade | None = None
    last_attempt: Attempt | None = None
    trial: Trial = Trial()
    newest_good: ImageReference | None = None
    pinned_to: str = ""
    withdrawn: Mapping[str, Withdrawal] = field(default_factory=dict)
    _by_id: dict[int, InstanceFacts] = field(default_factory=dict, init=False, repr=False, compare=False)
    _kept: dict[str, tuple[InstanceFacts, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def staying(self) -> tuple[InstanceFacts, ...]:
        """All instances but those that are being deleted, and the spare ones."""
        if "staying" not in self._kept:
            self._kept["staying"] = tuple(one for one in self.instances if not one.leaving and not one.spare)
        return self._kept["staying"]

    @property
    def counted(self) -> tuple[InstanceFacts, ...]:
        """All instances, in the sense of every limit: those that are being deleted, spare, switched off, or that have no machine (yet)
        count for nothing: 20 % are of what can serve."""
        if "counted" not in self._kept:
            self._kept["counted"] = tuple(one for one in self.staying if not one.stopped and one.exists)
        return self._kept["counted"]

    @property
    def image_for_new(self) -> ImageReference | None:
        return self.newest_good or self.latest

    def instance(self, id: int) -> InstanceFacts | None:
        if not self._by_id:
            self._by_id.update((instance.id, instance) for instance in self.instances)
        return self._by_id.get(id)
