"""Read only: searching the audit trail. Entries come newest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from upgrades.models import AuditEntry

CHUNK = 500  # entries in one query where all are wanted
WORDS = ("says", "name", "path", "code", "came_from", "request_id", "error_message")  # where a text is searched


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted. Empty fields do not restrict. `path`: one object, or a resource group with all that is in it."""

    name: str = ""
    path: str = ""
    code: str = ""
    outcome: str = ""
    request_id: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None


def entries(wanted: AuditFilter) -> QuerySet[AuditEntry]:
    exact = {"name": wanted.name, "code": wanted.code, "outcome": wanted.outcome, "request_id": wanted.request_id}
    rows = AuditEntry.objects.filter(**{field: value for field, value in exact.items() if value})
    if wanted.path:
        key = wanted.path.lower()
        rows = rows.filter(key=key) if "/" in key else rows.filter(Q(key=key) | Q(key__startswith=f"{key}/"))
    if wanted.since:
        rows = rows.filter(at__gte=wanted.since)
    if wanted.until:
        rows = rows.filter(at__lt=wanted.until)
    return rows.filter(_says(wanted.text)).order_by("-pk")


def _says(text: str) -> Q:
    found = Q()
    for field in WORDS if text else ():
        found |= Q(**{f"{field}__icontains": text})
    return found


def page(wanted: AuditFilter, size: int, *, below: int | None = None) -> tuple[list[AuditEntry], bool]:
    """(at most `size` entries with ids below `below`, whether there are more). Late pages are as quick as the first one."""
    rows = entries(wanted)
    found = list((rows.filter(pk__lt=below) if below else rows)[: size + 1])
    return found[:size], len(found) > size


def each(wanted: AuditFilter) -> Iterator[AuditEntry]:
    """All wanted entries, read in chunks: a slow reader keeps neither all of them in memory nor a transaction open."""
    below, more = None, True
    while more:
        rows, more = page(wanted, CHUNK, below=below)
        yield from rows
        below = rows[-1].pk if rows else None


def as_json(row: AuditEntry) -> dict[str, Any]:
    """One entry for programs, as in `manage.py audit --json` and in the exports of the page."""
    refused = {"code": row.error_code, "message": row.error_message} if row.error_code else None
    return {
        "id": row.pk,
        "at": row.at.isoformat(),
        "who": {"kind": row.who, "name": row.name, "id": row.who_id},
        "entryPoint": row.entry_point,
        "from": row.came_from,
        "requestId": row.request_id,
        "code": row.code,
        "says": row.says,
        "on": {"kind": row.kind, "path": row.path, "id": row.object_id},
        "before": row.before,
        "after": row.after,
        "outcome": row.outcome,
        "error": refused,
    }
