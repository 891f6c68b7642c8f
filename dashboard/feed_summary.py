"""What is served beside the feed for those who want less: a summary, and flat tables for Grafana's data source Infinity."""

import hashlib
import json
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from dashboard.feed import for_viewers
from dashboard.viewers import Viewer
from upgrades.core.instants import iso
from upgrades.core.summary import SummarizedSet, summary, table_row
from upgrades.feed.summaries import SUMMARIES
from upgrades.models import RollingUpgrade

MAX_ANNOTATIONS = 500
PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Cookie, Authorization"}


def _sets(viewer: Viewer) -> list[SummarizedSet]:
    return [row for row in SUMMARIES.all() if viewer.scope.sees(row.key)]


@for_viewers
def feed_summary(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """GET /feed/summary: one sentence, counts, the worst reason, and when it ends. With ?format=text: lines for a person."""
    now = timezone.now()
    said = summary(_sets(viewer), now)
    is_text = request.GET.get("format") == "text"
    body = _lines(said) if is_text else json.dumps(said)
    etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    headers = {"ETag": etag, **PRIVATE}
    if etag in request.headers.get("If-None-Match", ""):
        return HttpResponse(status=304, headers=headers)
    kind = "text/plain; charset=utf-8" if is_text else "application/json"
    return HttpResponse(body, content_type=kind, headers=headers)


def _lines(said: dict[str, Any]) -> str:
    reason, ends = said["reason"], said["ends"]
    lines = [said["sentence"]]
    lines += [f"{reason['set']}: {reason['text']}"] if reason else []
    lines += [f"Ends between {_short(ends['earliest'])} and {_short(ends['latest'])}."] if ends else []
    return "\n".join([*lines, ""])


def _short(time: str) -> str:
    return f"{datetime.fromisoformat(time):%Y-%m-%d %H:%M} UTC"


@for_viewers
def table(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """GET /feed/table: a flat row for each scale set."""
    now = timezone.now()
    return JsonResponse([table_row(row, now) for row in _sets(viewer)], safe=False, headers=PRIVATE)


@for_viewers
def annotations(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """GET /feed/annotations: the latest upgrades, each with its time, for the graphs of other programs. ?from= and ?to=: their time."""
    rows = RollingUpgrade.objects.order_by("-started_at").select_related("scale_set").only(*_COLUMNS)
    begin, end = _time(request.GET.get("from")), _time(request.GET.get("to"))
    rows = rows.filter(started_at__lte=end) if end else rows
    rows = rows.exclude(ended_at__lt=begin) if begin else rows
    seen = (row for row in rows.iterator(chunk_size=MAX_ANNOTATIONS) if viewer.scope.sees(row.scale_set.key))
    shapes = [_annotation(row) for row, _ in zip(seen, range(MAX_ANNOTATIONS), strict=False)]
    return JsonResponse(shapes, safe=False, headers=PRIVATE)


_COLUMNS = ("scale_set__key", "kind", "target_version", "status", "started_at", "ended_at")


def _annotation(row: RollingUpgrade) -> dict[str, Any]:
    ended = row.ended_at and iso(row.ended_at)
    text = f"{row.scale_set.key}: {row.target_version or row.kind}"
    return {
        "time": iso(row.started_at),
        "time_end": ended,
        "title": f"Upgrade of {row.scale_set.key}",
        "text": f"{text}, {row.status}",
        "tags": f"upgrade,{row.kind},{row.status}",
        "set": row.scale_set.key,
        "status": row.status,
    }


def _time(text: str | None) -> datetime | None:
    """A time as ISO 8601, or as milliseconds since 1970, as Grafana has it; None for what is none."""
    try:
        if text and text.isdecimal():
            return datetime.fromtimestamp(int(text) / 1000, tz=timezone.get_default_timezone())
        at = datetime.fromisoformat(text or "")
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.tzinfo else timezone.make_aware(at)
