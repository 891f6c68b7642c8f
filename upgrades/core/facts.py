"""Everything that `decide` looks at: frozen, complete, and made by nobody but `observe` and the tests.

Times are aware datetimes, percents whole numbers from 0 to 100, instance ids the scale set's own numbers.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from upgrades.core.states import Health, MemberState, StartedBy, UpgradeStatus


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
class Policy:
    """Limits of a rolling upgrade; the defaults are the document's (facts 2.3)."""

    max_batch_percent: int = 20
    max_unhealthy_percent: int = 20
    max_unhealthy_upgraded_percent: int = 20
    pause_between_batches: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class InstanceFacts:
    """One instance now. `version` is "" until its first image is on it; `busy` while an operation of ours runs on it, `leaving` when
    that is its deletion.

    `kept`: it stays when instances are removed, and is upgraded all the same. `health_since`: when its health was last made void
    (created, reimaged); `failed_version`: the version of its last failed upgrade.
    """

    id: int
    version: str
    health: Health = Health.HEALTHY
    health_since: datetime | None = None
    protected: bool = False
    kept: bool = False
    busy: bool = False
    leaving: bool = False
    failed_version: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """One instance's place in one batch; `swapped_at` is the end of its OS disk swap."""

    instance: int
    state: MemberState
    swapped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    number: int
    members: tuple[Member, ...]
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The rolling upgrade that is running."""

    target: ImageReference
    started_by: StartedBy
    policy: Policy = Policy()
    cancel_requested_by: str = ""
    batches: tuple[Batch, ...] = ()

    @property
    def members(self) -> tuple[Member, ...]:
        return tuple(member for batch in self.batches for member in batch.members)


@dataclass(frozen=True, slots=True)
class Attempt:
    """How the last upgrade of the scale set ended."""

    target_version: str
    status: UpgradeStatus
    touched_anything: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """A scale set now. `latest` is the newest image for it in its location, None while nothing is published.

    `health_as_of`: the oldest news among its instances' health; None before the first round of probes. `news_since`: since when such
    news came without a gap; None where nobody remembers one.
    `health_interval`: how often each instance is asked.
    """

    capacity: int
    instances: tuple[InstanceFacts, ...] = ()
    latest: ImageReference | None = None
    follows_latest: bool = True
    automatic: bool = True
    policy: Policy = Policy()
    health_wait: timedelta = timedelta(minutes=5)
    health_as_of: datetime | None = None
    news_since: datetime | None = None
    health_interval: timedelta = timedelta(seconds=5)
    upgrade: Upgrade | None = None
    last_attempt: Attempt | None = None
    _by_id: dict[int, InstanceFacts] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._by_id.update((instance.id, instance) for instance in self.instances)

    @property
    def staying(self) -> tuple[InstanceFacts, ...]:
        """All instances, in the sense of every limit: those that are being deleted count for nothing any more."""
        return tuple(one for one in self.instances if not one.leaving)

    def instance(self, id: int) -> InstanceFacts | None:
        return self._by_id.get(id)
