"""The feed over HTTP, for all who may read it: people with a session, and whoever has a wallboard link's token."""

import gzip
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from dashboard.actions import error
from dashboard.cors import FOREIGN_ORIGIN, NAME_IT, cors_headers, preflight_headers, refusal_headers
from dashboard.sessions import SessionIdentity
from dashboard.snapshots import SNAPSHOTS
from dashboard.viewers import (
    SIGN_IN,
    TICKETS_ARE_FOR_STREAMS,
    BadTokens,
    NotLetIn,
    Viewer,
    has_token,
    make_ticket_for,
    token_in,
    viewer_with,
)
from upgrades.core.instants import iso
from upgrades.feed import read
from upgrades.models import ScaleSet
from upgrades.models.feed_ticket import TICKET_IS_VALID

FeedView = Callable[..., HttpResponse]


def viewer_of(request: HttpRequest) -> Viewer:
    """Who makes this request. With a token the session is not even looked at. Raises NotLetIn and BadTokens."""
    token = token_in(*_words(request))
    if token is not None:
        return viewer_with(token, timezone.now())
    if "ticket" in request.GET:
        raise NotLetIn("InvalidToken", TICKETS_ARE_FOR_STREAMS)
    if not isinstance(request.user.pk, int):
        raise NotLetIn("NotSignedIn", SIGN_IN)
    session = SessionIdentity(str(request.session.session_key), request.user.pk, request.user.password)
    return Viewer(session=session)


def for_viewers(view: FeedView) -> FeedView:
    """Make a view for whoever may read the feed: it is called with the request and the viewer."""

    @require_http_methods(["GET", "HEAD", "OPTIONS"])
    @wraps(view)
    def let_in(request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        if request.method == "OPTIONS":
            return preflight(request)
        return _answer(request, view, *args, **options)

    return let_in


def _answer(request: HttpRequest, view: FeedView, *args: Any, **options: Any) -> HttpResponse:
    """What the view answers to whoever this is, with the headers for pages of the link's origins (cors.py)."""
    try:
        viewer = viewer_of(request)
    except NotLetIn as refusal:
        return _refusal(request, 401, refusal.code, str(refusal))
    except BadTokens as refusal:
        return _refusal(request, 400, refusal.code, str(refusal))
    if viewer.link is None:
        return view(request, viewer, *args, **options)
    origin = "" if _is_ours(request) else request.headers.get("Origin", "")
    if origin and origin.lower() not in viewer.origins:
        return _refusal(request, 403, FOREIGN_ORIGIN, NAME_IT)
    return _with(view(request, viewer, *args, **options), cors_headers(origin, viewer.origins))


def _is_ours(request: HttpRequest) -> bool:
    """Whether a page of this server asks, which sends its Origin with a POST only."""
    return urlsplit(request.headers.get("Origin", "").lower()).netloc == request.get_host().lower()


def _refusal(request: HttpRequest, status: int, code: str, message: str) -> HttpResponse:
    return _with(error(status, code, message), refusal_headers() if has_token(*_words(request)) else {})


def _words(request: HttpRequest) -> tuple[str, str]:
    """(query, Authorization): where a token may be."""
    return request.META.get("QUERY_STRING", ""), request.headers.get("Authorization", "")


def _with(answer: HttpResponse, headers: dict[str, str]) -> HttpResponse:
    for name, value in headers.items():
        if name == "Vary":
            patch_vary_headers(answer, [value])
        else:
            answer.headers[name] = value
    return answer


def preflight(request: HttpRequest) -> HttpResponse:
    """OPTIONS: the question of a browser whether a page of another site may send a token here."""
    return HttpResponse(status=204, headers=preflight_headers(request.headers.get("Origin", "null")))


@require_http_methods(["OPTIONS"])
def preflight_only(request: HttpRequest) -> HttpResponse:
    """OPTIONS /feed/events. GET is answered before Django: dashboard/event_stream.py."""
    return preflight(request)


@csrf_exempt
@require_http_methods(["POST", "OPTIONS"])
def ticket(request: HttpRequest) -> HttpResponse:
    """POST /feed/ticket: a ticket for one stream of /feed/events, for browsers: they cannot send a token with it in a header."""
    if request.method == "OPTIONS":
        return preflight(request)
    has_token = "token" in request.GET or request.headers.get("Authorization")
    return _answer(request, _ticket) if has_token else _ticket_of_session(request)


@csrf_protect
def _ticket_of_session(request: HttpRequest) -> HttpResponse:
    return _answer(request, _ticket)


def _ticket(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    made = make_ticket_for(viewer, timezone.now())
    said = {"ticket": made, "expires_in": int(TICKET_IS_VALID.total_seconds())}
    return JsonResponse(said, headers={"Cache-Control": "no-store"})


@for_viewers
def heads(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """GET /feed/heads: the last position of each scale set's feed, for clients whose websockets are blocked."""
    seen = {head.key: head.revision for head in read.heads() if viewer.scope.sees(head.key)}
    return JsonResponse({"at": iso(timezone.now()), "heads": seen}, headers={"Cache-Control": "no-store"})


@for_viewers
def snapshot(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """GET /feed/snapshot?set=rg/name: all that is visible of a scale set, with the position in the feed that it belongs to.

    `&without=disks` leaves out the disks of the instances.
    """
    key = request.GET.get("set", "").lower()
    if not key:
        return error(400, "BadRequest", "name the scale set: ?set=rg/name")
    head = read.head(key) if viewer.scope.sees(key) else None
    if head is None:
        return error(404, "ResourceNotFound", f"there is no scale set {key[:200]!r}")
    try:
        revision, body = SNAPSHOTS.get(head.id, head.revision, with_disks=request.GET.get("without") != "disks")
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
