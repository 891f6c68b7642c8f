"""The pages: read, render."""

import gzip

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from dashboard.snapshots import SNAPSHOTS
from upgrades.feed import read
from upgrades.models import ScaleSet


def what_runs(request: HttpRequest) -> HttpResponse:
    lines = (
        "Rollgrid runs here: it rolls new OS images through fleets of virtual machines.",
        f"Sign in: {request.build_absolute_uri(reverse('login'))}",
        f"Admin: {request.build_absolute_uri(reverse('admin:index'))}",
    )
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain")


@require_safe
def feed_snapshot(request: HttpRequest) -> HttpResponse:
    """GET /feed/snapshot?set=rg/name: all that is visible of a scale set, and the place in the feed that it is as of."""
    if not request.user.is_authenticated:
        return _error(401, "NotSignedIn", "sign in first")
    key = request.GET.get("set", "").lower()
    head = read.head(key)
    if head is None:
        return _error(404, "ResourceNotFound", f"there is no scale set {key[:200]!r}")
    try:
        revision, body = SNAPSHOTS.get(head.id, head.revision)
    except ScaleSet.DoesNotExist:
        return _error(404, "ResourceNotFound", f"there is no scale set {key[:200]!r} any more")
    return _compressed(request, revision, body)


def _compressed(request: HttpRequest, revision: str, body: bytes) -> HttpResponse:
    etag = f'"{revision}"'
    if etag in request.headers.get("If-None-Match", ""):
        return HttpResponse(status=304, headers={"ETag": etag})
    headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding, Cookie"}
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return HttpResponse(gzip.decompress(body), content_type="application/json", headers=headers)
    headers["Content-Encoding"] = "gzip"
    return HttpResponse(body, content_type="application/json", headers=headers)


def _error(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse({"error": {"code": code, "message": message}}, status=status)
