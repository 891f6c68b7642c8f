"""The page /audit/: who did what, with filters, search, and exports as CSV or JSON."""

import csv
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date, datetime, time, timedelta
from functools import wraps
from itertools import islice
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.handlers.asgi import ASGIRequest
from django.core.validators import MaxValueValidator, MinValueValidator
from django.forms import CharField, ChoiceField, DateField, Form, IntegerField
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard import rights
from upgrades import audit_trail
from upgrades.audit_trail import AuditFilter
from upgrades.core.auditing import AuditOutcome
from upgrades.models import AuditEntry

SIZE = 50
LINES = 500  # lines of an export in one part of the response
COLUMNS = (
    "at",
    "who",
    "name",
    "entry_point",
    "came_from",
    "code",
    "says",
    "kind",
    "path",
    "outcome",
    "error_code",
    "error_message",
    "before",
    "after",
    "request_id",
)
# The first and the last day of the calendar do not exist in every time zone.
YEARS = [MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(2999, 12, 31))]
View = Callable[[HttpRequest], HttpResponseBase]


class FilterForm(Form):
    """The filters in the page's address. On the page, a filter that cannot be read does not count and is reported."""

    name = CharField(required=False, max_length=150)
    path = CharField(required=False, max_length=300)
    code = CharField(required=False, max_length=64)
    outcome = ChoiceField(
        required=False, choices=[("", ""), *((outcome.value, outcome.value) for outcome in AuditOutcome)]
    )
    request_id = CharField(required=False, max_length=100)
    text = CharField(required=False, max_length=200)
    since = DateField(required=False, validators=YEARS)
    until = DateField(required=False, validators=YEARS)
    zone = CharField(required=False, max_length=64)
    below = IntegerField(required=False, min_value=1, max_value=2**62)

    def wanted(self) -> AuditFilter:
        given = self.cleaned_data
        words = {name: given.get(name) or "" for name in ("name", "path", "code", "outcome", "request_id", "text")}
        zone = _zone(given.get("zone") or "")
        since, until = given.get("since"), given.get("until")
        begin = datetime.combine(since, time(), zone) if since else None
        end = datetime.combine(until + timedelta(days=1), time(), zone) if until else None
        return AuditFilter(**words, since=begin, until=end)


def _zone(name: str) -> ZoneInfo:
    """The time zone of the person, in which days begin; UTC where it is not known."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def for_auditors(view: View) -> View:
    @require_safe
    @login_required
    @wraps(view)
    def allowed(request: HttpRequest) -> HttpResponseBase:
        if not rights.may_audit(request.user):
            raise PermissionDenied("The audit trail needs staff status, or the permission upgrades.view_auditentry.")
        return view(request)

    return allowed


@for_auditors
def page(request: HttpRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    form.is_valid()
    wanted = form.wanted()
    rows, more = audit_trail.page(wanted, SIZE, below=form.cleaned_data.get("below"))
    kept = {name: value for name, value in request.GET.items() if value and name != "below"}
    context = {
        "page": "audit",
        "keep_days": settings.KEEP_HISTORY_DAYS,
        "rows": [(row, _lines(row)) for row in rows],
        "form": form,
        "filters": urlencode(kept),
        "is_filtered": wanted != AuditFilter(),
        "is_further": bool(form.cleaned_data.get("below")),
        "older": urlencode({**kept, "below": rows[-1].pk}) if more else "",
    }
    return render(request, "audit.html", context)


def _lines(row: AuditEntry) -> list[tuple[str, str, str]]:
    """(what, before, after) for each value that differs: "document.sku.capacity", "3", "5"."""
    before, after = dict(_flat(row.before)), dict(_flat(row.after))
    names = dict.fromkeys([*before, *after])
    return [(name, before.get(name, ""), after.get(name, "")) for name in names]


def _flat(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{place}.{name}" if place else name)
    elif place:
        yield place, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@for_auditors
def export_csv(request: HttpRequest) -> StreamingHttpResponse:
    rows = audit_trail.each(_asked(request))
    return _download(request, _csv(rows), "text/csv; charset=utf-8", "csv")


@for_auditors
def export_json(request: HttpRequest) -> StreamingHttpResponse:
    rows = audit_trail.each(_asked(request))
    return _download(request, _json(rows), "application/json", "json")


def _asked(request: HttpRequest) -> AuditFilter:
    """The filters of an export. Raises BadRequest where one cannot be read: without it the export would have too much."""
    form = FilterForm(request.GET)
    if not form.is_valid():
        field, problems = next(iter(form.errors.items()))
        raise BadRequest(f"{field}: {problems[0]}")
    return form.wanted()


def _download(request: HttpRequest, lines: Iterator[str], kind: str, ending: str) -> StreamingHttpResponse:
    parts = _parts(lines)
    headers = {"Content-Disposition": f'attachment; filename="audit.{ending}"', "Cache-Control": "no-store"}
    streamed = _later(parts) if isinstance(request, ASGIRequest) else parts
    return StreamingHttpResponse(streamed, content_type=kind, headers=headers)


def _parts(lines: Iterator[str]) -> Iterator[str]:
    """The lines in parts of LINES lines, since sending a part costs as much as a hundred lines."""
    while part := "".join(islice(lines, LINES)):
        yield part


async def _later(parts: Iterator[str]) -> AsyncIterator[str]:
    """The same parts as an async iterator, for Daphne: a sync one would be read into memory as a whole first."""
    read = sync_to_async(lambda: next(parts, ""))
    while part := await read():
        yield part


class _Line:
    """A file for `csv.writer` whose `write` returns the line."""

    def write(self, line: str) -> str:
        return line


def _csv(rows: Iterator[AuditEntry]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    for row in rows:
        yield writer.writerow([_cell(getattr(row, name)) for name in COLUMNS])


def _cell(value: Any) -> str:
    """The text of a cell. Spreadsheets would run a text that begins like a formula, so it gets a quote before it."""
    if isinstance(value, datetime):
        return value.isoformat()
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _json(rows: Iterator[AuditEntry]) -> Iterator[str]:
    yield "["
    for number, row in enumerate(rows):
        yield (",\n" if number else "\n") + json.dumps(audit_trail.as_json(row), ensure_ascii=False)
    yield "\n]\n"
