"""The feed over HTTP, for all who may read it: people with a session, and whoever has a wallboard link's token."""

import gzip
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.actions import error
from dashboard.sessions import SessionIdentity
from dashboard.snapshots import SNAPSHOTS
from dashboard.viewers import SIGN_IN, BadTokens, NotLetIn, Viewer, token_in, viewer_with
from upgrades.feed import read
from upgrades.models import ScaleSet

FeedView = Callable[..., HttpResponse]


def viewer_of(request: HttpRequest) -> Viewer:
    """Who makes this request. With a token the session is not even looked at. Raises NotLetIn and BadTokens."""
    token = token_in(request.META.get("QUERY_STRING", ""), request.headers.get("Authorization", ""))
    if token is not None:
        return viewer_with(token, timezone.now())
    if not isinstance(request.user.pk, int):
        raise NotLetIn("NotSignedIn", SIGN_IN)
    session = SessionIdentity(str(request.session.session_key), request.user.pk, request.user.password)
    return Viewer(session=session)


def for_viewers(view: FeedView) -> FeedView:
    """Make a view for whoever may read the feed: it is called with the request and the viewer."""

    @require_safe
    @wraps(view)
    def let_in(request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        try:
            viewer = viewer_of(request)
        except NotLetIn as refusal:
            return error(401, refusal.code, str(refusal))
        except BadTokens as refusal:
            return error(400, refusal.code, str(refusal))
        return view(request, viewer, *args, **options)

    return let_in


@for_viewers
def heads(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """GET /feed/heads: the last position of each scale set's feed, for clients whose websockets are blocked."""
    seen = {head.key: head.revision for head in read.heads() if viewer.scope.sees(head.key)}
    return JsonResponse({"at": timezone.now().isoformat(), "heads": seen}, headers={"Cache-Control": "no-store"})


@for_viewers
def snapshot(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """GET /feed/snapshot?set=rg/name: all that is visible of a scale set, with the position in the feed that it belongs to."""
    key = request.GET.get("set", "").lower()
    head = read.head(key) if viewer.scope.sees(key) else None
    if head is None:
        return error(404, "ResourceNotFound", f"there is no scale set {key[:200]!r}")
    try:
        revision, body = SNAPSHOTS.get(head.id, head.revision)
    except ScaleSet.DoesNotExist:
        return error(404, "ResourceNotFound", f"there is no scale set {key[:200]!r} any more")
    return _compressed(request, revision, body)


def _compressed(request: HttpRequest, revision: str, body: bytes) -> HttpResponse:
    etag = f'"{revision}"'
    vary = {"Vary": "Accept-Encoding, Cookie, Authorization"}
    if etag in request.headers.get("If-None-Match", ""):
        return HttpResponse(status=304, headers={"ETag": etag, **vary})
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", **vary}
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return HttpResponse(gzip.decompress(body), content_type="application/json", headers=headers)
    headers["Content-Encoding"] = "gzip"
    return HttpResponse(body, content_type="application/json", headers=headers)
