"""Read only: the audit trail, as people and programs ask for it. The newest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from upgrades.models import AuditEntry

CHUNK = 500  # rows read at once where all are wanted
WORDS = ("says", "name", "path", "code", "came_from", "request_id", "error_message")  # what a search looks at


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries. What is empty is not asked for. `path`: a thing, or a resource group with all that is in it."""

    name: str = ""
    path: str = ""
    code: str = ""
    outcome: str = ""
    request_id: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None


def entries(wanted: Wanted) -> QuerySet[AuditEntry]:
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


def page(wanted: Wanted, size: int, *, below: int | None = None) -> tuple[list[AuditEntry], bool]:
    """(so many of them, those older than the entry `below`; whether there are more). As quick at the end as at the beginning."""
    rows = entries(wanted)
    found = list((rows.filter(pk__lt=below) if below else rows)[: size + 1])
    return found[:size], len(found) > size


def each(wanted: Wanted) -> Iterator[AuditEntry]:
    """All of them, however many: read in chunks, so that neither memory nor a transaction lasts as long as the reader."""
    below, more = None, True
    while more:
        rows, more = page(wanted, CHUNK, below=below)
        yield from rows
        below = rows[-1].pk if rows else None


def as_json(row: AuditEntry) -> dict[str, Any]:
    """For programs: what `manage.py audit --json` and the page's exports give."""
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
