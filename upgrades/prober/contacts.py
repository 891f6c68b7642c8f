"""What providers answer: whether they can be reached, and what their clouds can do. Written to their locations where that changes."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from upgrades.core.machines import storable_text
from upgrades.core.states import KeptOSDisk
from upgrades.feed.writing import writing
from upgrades.models import Location, ScaleSet
from upgrades.providers.base import Capabilities

# An answer that is late once is nothing: the next question comes within a few seconds.
SILENT_SECONDS = 5.0
# How often an error that lasts is confirmed, and how long it counts after that: then the prober that had it is gone, or has other sets.
CONFIRM_SECONDS = timedelta(seconds=10)
FORGET_SECONDS = timedelta(seconds=30)
MAX_ERROR_LENGTH = 500
FIELDS = (
    "provider_error",
    "provider_error_since",
    "provider_error_at",
    "contact_since",
    "kept_os_disk",
    "keeps",
    "switches_machines",
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Contact:
    """What this prober knows of a location's provider. `error`: why it cannot be reached for one of the scale sets, "" where it can.

    `kept_os_disk`: None where it has not answered yet.
    """

    error: str = ""
    kept_os_disk: KeptOSDisk | None = None
    keeps: tuple[str, ...] = ()
    switches_machines: bool = False


@dataclass(slots=True)
class _Failing:
    since: float
    error: str


@dataclass(slots=True)
class _Known:
    failing: dict[int, _Failing] = field(default_factory=dict)  # by scale set
    answered: set[int] = field(default_factory=set)  # scale sets, since the last round
    kept_os_disk: KeptOSDisk | None = None
    keeps: tuple[str, ...] = ()
    switches_machines: bool = False


@dataclass(slots=True)
class Contacts:
    """The contacts of all locations that this process has asked. Times are those of time.monotonic."""

    _known: dict[int, _Known] = field(default_factory=dict)

    def answered(self, location_id: int, scale_set_id: int, capabilities: Capabilities) -> None:
        known = self._known.setdefault(location_id, _Known())
        known.failing.pop(scale_set_id, None)
        known.answered.add(scale_set_id)
        known.kept_os_disk, known.keeps = capabilities.kept_os_disk, tuple(sorted(capabilities.keeps))
        known.switches_machines = capabilities.switches_machines

    def failed(self, location_id: int, scale_set_id: int, error: str, at: float) -> None:
        """The first error stays while it lasts: texts that differ at each try would be news at each try."""
        known = self._known.setdefault(location_id, _Known())
        known.failing.setdefault(scale_set_id, _Failing(at, storable_text(error, MAX_ERROR_LENGTH)))

    def forget(self, scale_set_id: int) -> None:
        """This process does not ask for it any more."""
        for known in self._known.values():
            known.failing.pop(scale_set_id, None)
            known.answered.discard(scale_set_id)

    def found(self, now: float) -> dict[int, Contact]:
        """What is known of each location that was heard of since the last call, or that has been silent for long enough."""
        found = {}
        for location_id, known in self._known.items():
            silent = [failing for failing in known.failing.values() if now - failing.since >= SILENT_SECONDS]
            if silent:
                error = min(silent, key=lambda failing: failing.since).error
                found[location_id] = Contact(error, known.kept_os_disk, known.keeps, known.switches_machines)
            elif known.answered and not known.failing:
                found[location_id] = Contact("", known.kept_os_disk, known.keeps, known.switches_machines)
            known.answered.clear()
        return found


def write_contacts(found: Mapping[int, Contact], had_errors: Iterable[int], now: datetime) -> list[int]:
    """Write those that differ from their rows, and have their scale sets reconciled. Returns the ids of these.

    `had_errors`: the locations whose error this process has found itself, so that it can take that back at once. That of another prober
    counts until it has not confirmed it for FORGET_SECONDS.
    """
    own, changed = set(had_errors), list[int]()
    for row in Location.objects.filter(pk__in=list(found)):
        contact = found[row.pk]
        if contact.error and row.provider_error:
            if not _is_within(row.provider_error_at, now, CONFIRM_SECONDS):
                Location.objects.filter(pk=row.pk).update(provider_error_at=now)
        elif _differs(row, contact) and not (
            row.provider_error and row.pk not in own and _is_within(row.provider_error_at, now, FORGET_SECONDS)
        ):
            changed += _write(row.pk, contact, now)
    return changed


def _is_within(at: datetime | None, now: datetime, length: timedelta) -> bool:
    # By the distance: clocks jump.
    return at is not None and abs(now - at) < length


def _differs(row: Location, contact: Contact) -> bool:
    kept = contact.kept_os_disk is not None and (
        contact.kept_os_disk != row.kept_os_disk
        or list(contact.keeps) != row.keeps
        or contact.switches_machines != row.switches_machines
    )
    return bool(contact.error) != bool(row.provider_error) or kept or (not contact.error and row.contact_since is None)


def _write(location_id: int, contact: Contact, now: datetime) -> list[int]:
    ids = list(ScaleSet.objects.filter(location=location_id).order_by("pk").values_list("pk", flat=True))
    with writing(now, *ids) as writer:
        row = Location.objects.filter(pk=location_id).first()
        if row is None or not _differs(row, contact):
            return []
        _take(row, contact, now)
        row.save(update_fields=FIELDS)
        for scale_set in writer.scale_sets:
            scale_set.location = row
        writer.changed(*writer.scale_sets)
        if ids:
            writer.wake()
    _log(row)
    return ids


def _take(row: Location, contact: Contact, now: datetime) -> None:
    if contact.error:
        row.provider_error, row.provider_error_since, row.contact_since = contact.error, now, None
        row.provider_error_at = now
    elif row.provider_error or row.contact_since is None:
        row.provider_error, row.provider_error_since, row.provider_error_at, row.contact_since = "", None, None, now
    if contact.kept_os_disk is not None:
        row.kept_os_disk, row.keeps = contact.kept_os_disk.value, list(contact.keeps)
        row.switches_machines = contact.switches_machines


def _log(row: Location) -> None:
    if row.provider_error:
        log.warning("location %s: its provider %s cannot be reached: %s", row.name, row.provider, row.provider_error)
    else:
        log.info("location %s: its provider %s answers", row.name, row.provider)
