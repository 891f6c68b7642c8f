"""What providers answer: whether they can be reached, and what their clouds can do. Written to their locations where that changes."""

import logging
from dataclasses import dataclass, field
from datetime import datetime

from upgrades.core.states import KeptOSDisk
from upgrades.feed.writing import writing
from upgrades.models import Location, ScaleSet
from upgrades.providers.base import Capabilities

# An answer that is late once is nothing: the next question comes within a second.
SILENT_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Contact:
    """What is known of a location's provider. `error`: why it cannot be reached, "" where it can."""

    error: str
    kept_os_disk: KeptOSDisk
    keeps: tuple[str, ...]


@dataclass(slots=True)
class _Known:
    failing_since: float | None = None
    written: Contact | None = None
    found: Contact | None = None


@dataclass(slots=True)
class Contacts:
    """The contacts of all locations that this process has asked. Times are those of time.monotonic."""

    _known: dict[int, _Known] = field(default_factory=dict)

    def answered(self, location_id: int, capabilities: Capabilities) -> None:
        keeps = tuple(sorted(capabilities.keeps))
        known = self._known.setdefault(location_id, _Known())
        known.failing_since, known.found = None, Contact("", capabilities.kept_os_disk, keeps)

    def failed(self, location_id: int, error: str, at: float) -> None:
        known = self._known.setdefault(location_id, _Known())
        since = known.failing_since = at if known.failing_since is None else known.failing_since
        if at - since >= SILENT_SECONDS:
            before = known.found or known.written
            kept, keeps = (before.kept_os_disk, before.keeps) if before else (KeptOSDisk.EXACT, ())
            known.found = Contact(error, kept, keeps)

    def to_write(self) -> dict[int, Contact]:
        """Those that differ from what was written last."""
        return {id: known.found for id, known in self._known.items() if known.found and known.found != known.written}

    def written(self, contacts: dict[int, Contact]) -> None:
        for id, contact in contacts.items():
            self._known[id].written = contact


def write_contact(location_id: int, contact: Contact, now: datetime) -> list[int]:
    """Write it where it differs from the row, and have the location's scale sets reconciled. Returns the ids of these."""
    ids = list(ScaleSet.objects.filter(location=location_id).order_by("pk").values_list("pk", flat=True))
    with writing(now, *ids) as writer:
        row = Location.objects.filter(pk=location_id).first()
        if row is None or not _take(row, contact, now):
            return []
        row.save(update_fields=["provider_error", "provider_error_since", "contact_since", "kept_os_disk", "keeps"])
        for scale_set in writer.scale_sets:
            scale_set.location = row
        writer.changed(*writer.scale_sets)
        if ids:
            writer.wake()
    _log(row)
    return ids


def _take(row: Location, contact: Contact, now: datetime) -> bool:
    """Take it into the row. False where nothing has changed. What the cloud can do is known only where it answers."""
    before = (row.provider_error, row.kept_os_disk, tuple(row.keeps), row.contact_since is None)
    if contact.error:
        if not row.provider_error:
            row.provider_error_since, row.contact_since = now, None
        row.provider_error = contact.error
    else:
        if row.provider_error or row.contact_since is None:
            row.provider_error_since, row.contact_since = None, now
        row.provider_error, row.kept_os_disk, row.keeps = "", contact.kept_os_disk.value, list(contact.keeps)
    return before != (row.provider_error, row.kept_os_disk, tuple(row.keeps), row.contact_since is None)


def _log(row: Location) -> None:
    if row.provider_error:
        log.warning("location %s: its provider %s cannot be reached: %s", row.name, row.provider, row.provider_error)
    else:
        log.info("location %s: its provider %s answers", row.name, row.provider)
