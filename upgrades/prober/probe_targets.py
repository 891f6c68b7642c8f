"""Rows -> what is to be probed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from django.db.models import Exists, F, OuterRef

from upgrades.core.states import Health, OperationKind, Power, Provisioning
from upgrades.core.typed import tags_of
from upgrades.feed.read import changed_since
from upgrades.models import Instance, ScaleSet
from upgrades.models.prepared import Prepared
from upgrades.probes.targets import ProbeProtocol, ProbeSettings


@dataclass(frozen=True, slots=True)
class Probed:
    """One instance, as far as its health is concerned. A verdict counts only while `os_disk` and `health_since` stay the same.

    `os_disk` is "" where no machine could be made. `failed` and `late`: the extensions that failed, and that are still being provisioned.
    `is_starting`: its machine is being switched on, and the provider does not say yet that it runs.
    """

    pk: int
    number: int
    os_disk: str
    address: str
    health: Health
    health_since: datetime
    detail: str = ""
    failed: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    is_starting: bool = False
    # Computed once, since it is compared at every answer.
    generation: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "generation", f"{self.os_disk} {self.health_since.isoformat()}")


@dataclass(frozen=True, slots=True)
class ProbedSet:
    """A scale set, and those of its instances that no operation runs on. `probe` is None where health is the machines' own state.

    `has_batch_operations`: OS disks are being replaced, or extensions run, in the batch of an upgrade.
    """

    pk: int
    seq: int
    key: str
    tags: Mapping[str, str]
    location: int
    provider: str
    provider_settings: Mapping[str, Any]
    probe: ProbeSettings | None
    probe_port: int
    instances: Mapping[int, Probed]
    capacity: int = 0
    has_batch_operations: bool = False

    @property
    def has_operations(self) -> bool:
        """Whether operations seem to run on some instances, of whatever kind: fewer are here than there should be."""
        return len(self.instances) < self.capacity

    @property
    def is_settling(self) -> bool:
        """Whether some machine's state will change soon: an extension is being provisioned, or the machine is starting."""
        return any(instance.late or instance.is_starting for instance in self.instances.values())

    def with_health(self, seq: int, found: Mapping[int, tuple[Health, str]]) -> "ProbedSet | None":
        """The same after the event `seq`, which has changed the health of these instances, {pk: (health, detail)}, and nothing else.

        None where other events lie between: then the rows are to be read.
        """
        if seq != self.seq + 1 or not found.keys() <= self.instances.keys():
            return None
        changed = {
            pk: replace(self.instances[pk], health=health, detail=detail) for pk, (health, detail) in found.items()
        }
        return replace(self, seq=seq, instances={**self.instances, **changed})

    def has_same_targets(self, other: "ProbedSet") -> bool:
        """Whether the same machines are to be probed in the same way."""
        return (
            (self.probe, self.probe_port, self.provider, self.provider_settings)
            == (other.probe, other.probe_port, other.provider, other.provider_settings)
            and self.instances.keys() == other.instances.keys()
            and all(
                now is before or (now.generation, now.address) == (before.generation, before.address)
                for now, before in zip(self.instances.values(), map(other.instances.get, self.instances), strict=True)
                if before is not None
            )
        )


COLUMNS = ("pk", "number", "os_disk", "address", "health", "health_since", "health_detail", "extensions", "power")
# Without what a scale set has besides, which is long: it is read after each change.
SET_COLUMNS = (
    "pk",
    "seq",
    "key",
    "document",
    "location",
    "location__provider",
    "location__settings",
    "probe_port",
    "probe_protocol",
    "probe_path",
    "probe_interval_seconds",
    "probe_threshold",
    "probe_is_rich",
    "probe_grace_seconds",
    "capacity",
)
_BATCH_OPERATIONS = Instance.objects.filter(
    scale_set=OuterRef("pk"),
    operation_id=F("member"),
    operation_kind__in=(OperationKind.REIMAGE, OperationKind.EXTENSIONS),
)
_ROW = Prepared(lambda pk: ScaleSet.objects.filter(pk=pk).values_list(*SET_COLUMNS, Exists(_BATCH_OPERATIONS)))


class _SetRow(NamedTuple):
    """A row of SET_COLUMNS."""

    pk: int
    seq: int
    key: str
    document: Any
    location: int
    provider: str
    provider_settings: Mapping[str, Any]
    port: int
    protocol: str
    path: str
    interval_seconds: int
    threshold: int
    is_rich: bool
    grace_seconds: int
    capacity: int
    has_batch_operations: bool


def _row(scale_set_id: int) -> _SetRow | None:
    found = _ROW.first(scale_set_id)
    return _SetRow(*found) if found else None


_INSTANCES = Prepared(
    lambda pk: Instance.objects.filter(scale_set=pk, operation_id=None).order_by("number").values_list(*COLUMNS)
)


_NUMBERED = Prepared(
    lambda pk, numbers: Instance.objects.filter(scale_set=pk, number__in=numbers, operation_id=None).values_list(
        *COLUMNS
    )
)


def read(scale_set_id: int) -> ProbedSet | None:
    """Read a scale set and its instances. None where it is gone."""
    row = _row(scale_set_id)
    if row is None:
        return None
    return _set_of(row, (_probed(*of) for of in _INSTANCES.rows(row.pk)))


def refresh(known: ProbedSet) -> ProbedSet | None:
    """Read the scale set again, but only the instances that its events since then name. None where it is gone.

    All instances are read where there are many events, or where one is missing.
    """
    row = _row(known.pk)
    if row is None:
        return None
    changed = changed_since(known.pk, known.seq, row.seq)
    if changed is None:
        return read(known.pk)
    kept = [instance for instance in known.instances.values() if instance.number not in changed]
    found = [_probed(*of) for of in _NUMBERED.rows(row.pk, sorted(changed))] if changed else []
    return _set_of(row, sorted([*kept, *found], key=attrgetter("number")))


def _set_of(row: _SetRow, probed: Iterable[Probed]) -> ProbedSet:
    return ProbedSet(
        pk=row.pk,
        seq=row.seq,
        key=row.key,
        tags=tags_of(row.document),
        location=row.location,
        provider=row.provider,
        provider_settings=row.provider_settings,
        probe=_probe(row),
        probe_port=row.port,
        instances={instance.pk: instance for instance in probed},
        capacity=row.capacity,
        has_batch_operations=bool(row.has_batch_operations),
    )


def _probed(
    pk: int,
    number: int,
    os_disk: str,
    address: str,
    health: str,
    since: datetime,
    detail: str,
    extensions: Sequence[Mapping[str, str]],
    power: str,
) -> Probed:
    failed = tuple(extension["name"] for extension in extensions if extension["state"] == Provisioning.FAILED)
    late = tuple(
        extension["name"]
        for extension in extensions
        if extension["state"] not in (Provisioning.FAILED, Provisioning.SUCCEEDED)
    )
    return Probed(pk, number, os_disk, address, Health(health), since, detail, failed, late, power == Power.STARTING)


def _probe(row: _SetRow) -> ProbeSettings | None:
    if not row.protocol:
        return None
    return ProbeSettings(
        protocol=ProbeProtocol(row.protocol),
        path=row.path,
        interval_seconds=row.interval_seconds,
        threshold=row.threshold,
        is_rich=row.is_rich,
        grace_seconds=row.grace_seconds,
    )
