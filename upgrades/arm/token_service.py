"""The token service: OAuth 2.0 client credentials, as Azure's clients ask for them. discovery.py tells them where it is."""

import logging
import uuid

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from upgrades import sign_ins
from upgrades.arm import clock, tokens
from upgrades.arm.addresses import absolute
from upgrades.arm.discovery import issuer_of, tenant_of
from upgrades.arm.requests import request_id
from upgrades.commands import people
from upgrades.commands.access import is_secret_of
from upgrades.core.auditing import Actor, EntryPoint, Who
from upgrades.installation import PROGRAM
from upgrades.models import ApiClient, Subscription
from upgrades.outages import is_database_away
from upgrades.sign_ins import TooManyTries

log = logging.getLogger(__name__)


@csrf_exempt
def token(request: HttpRequest, tenant: str) -> HttpResponse:
    """POST /{tenant}/oauth2/v2.0/token with client_id, client_secret, grant_type=client_credentials and scope (or resource)."""
    try:
        return _answer(request, tenant)
    except (DatabaseError, InterfaceError) as error:
        if not is_database_away(error):
            raise
        log.error("the database is not working (%s)", error)
        return _refused(503, "temporarily_unavailable", "AADSTS90033: the database does not answer; try again later")
    except (BadRequest, SuspiciousOperation, MultiPartParserError, UnreadablePostError, LookupError):
        return not_a_form()


def not_a_form() -> HttpResponse:
    return _refused(400, "invalid_request", "AADSTS900144: the request is not a form, or too large to be one")


def not_here() -> HttpResponse:
    """For a request that asks for a host which this server is not."""
    return _refused(400, "invalid_request", "AADSTS90013: the request asks for a host that this server is not")


@csrf_exempt
def not_done(request: HttpRequest, tenant: str, what: str) -> HttpResponse:
    """What else an authority of Azure's has: signing people in, and out."""
    message = f"AADSTS70003: {what[:40]!r} is not done here: no person signs in for the API; the token endpoint grants client_credentials"
    return _refused(400, "unsupported_grant_type", message)


def _answer(request: HttpRequest, tenant: str) -> HttpResponse:
    if request.method != "POST":
        return _refused(405, "invalid_request", "AADSTS900561: the endpoint only accepts POST requests")
    given = {
        name: request.POST.get(name, "") for name in ("client_id", "client_secret", "grant_type", "scope", "resource")
    }
    if given["grant_type"] != "client_credentials":
        message = "AADSTS70003: the grant type is 'client_credentials'; no other is supported"
        return _refused(400, "unsupported_grant_type", message)
    if tenant_of(tenant) is None:
        return _refused(
            400,
            "invalid_request",
            f"AADSTS90002: there is no such tenant; {PROGRAM} api_client prints the one there is",
        )
    try:
        client = _client(request, _id(given["client_id"]), given["client_secret"])
    except TooManyTries as waits:
        return _refused(429, "temporarily_unavailable", f"AADSTS90055: {waits}", wait=waits.seconds)
    if client is None:
        return _refused(401, "invalid_client", "AADSTS7000215: the client id or the client secret is not valid")
    return _granted(request, tenant, client, given["scope"] or given["resource"])


def _granted(request: HttpRequest, tenant: str, client: ApiClient, scope: str) -> HttpResponse:
    subscription, now = Subscription.objects.get(), clock.now()
    audience = _audience(scope) or absolute(request).rstrip("/")
    issuer = issuer_of(request, tenant, is_v2=request.path.lower().rstrip("/").endswith("/v2.0/token"))
    signed = tokens.issue(client, subscription.tenant_id, now, issuer=issuer, audience=audience)
    seconds = int(tokens.LIFETIME.total_seconds())
    body = {
        "token_type": "Bearer",
        "expires_in": seconds - 1,
        "ext_expires_in": seconds - 1,
        "expires_on": str(int(now.timestamp()) + seconds),  # clients of the first generation ask for it
        "not_before": str(int(now.timestamp())),
        "resource": audience,
        "access_token": signed,
    }
    return JsonResponse(body, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


def _audience(scope: str) -> str:
    """What the token is for: "https://management.azure.com/.default" is for all that there is. Empty where nothing was asked for."""
    words = scope.split()
    first = next((word for word in words if word.endswith("/.default")), words[0] if words else "")
    return first.removesuffix("/.default")[:300]


def _id(given: str) -> uuid.UUID | None:
    """One and the same however it is spelled; None for what is none."""
    try:
        return uuid.UUID(given)
    except ValueError:
        return None


def _client(request: HttpRequest, client_id: uuid.UUID | None, secret: str) -> ApiClient | None:
    """The client with this id and this secret. What cannot be either of them is no try. Raises TooManyTries."""
    if client_id is None or not secret:
        return None
    attempt = sign_ins.begin(f"client {client_id}", request.META.get("REMOTE_ADDR", ""), clock.now())
    row = ApiClient.objects.filter(pk=client_id).first()
    if row is not None and is_secret_of(row, secret):
        sign_ins.succeeded(attempt, clock.now())
        return row
    whose = f"the client {row.name!r}" if row else "a client that there is not"
    sign_ins.failed(attempt, whose, clock.now())
    by = Actor(Who.NOBODY, "", "", EntryPoint.API, str(request.META.get("REMOTE_ADDR", "")), request_id(request))
    people.token_refused(row.name if row else "", by, clock.now())
    return None


def _refused(status: int, code: str, message: str, *, wait: int = 5) -> HttpResponse:
    """In the shape of RFC 6749, which is not that of the rest of the API."""
    headers = {"Cache-Control": "no-store"}
    if status in (429, 503):
        headers["Retry-After"] = str(wait)
    return JsonResponse({"error": code, "error_description": message}, status=status, headers=headers)
