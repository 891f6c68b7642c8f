"""What all calls of the API have in common: who asks, in which version, with what body; and each answer's headers."""

import base64
import json
import logging
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import wraps
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from upgrades.arm import clock, options, tokens, versions
from upgrades.arm.addresses import absolute
from upgrades.arm.answers import Answer
from upgrades.arm.errors import ArmError, refusal
from upgrades.commands import audit
from upgrades.commands.errors import Refused
from upgrades.core.auditing import Actor, EntryPoint, ObjectKind, Who
from upgrades.core.json_fields import BadDocument, check_json, kind_of_value, refuse_duplicate_fields
from upgrades.models import ApiClient, Subscription
from upgrades.outages import is_database_away

log = logging.getLogger(__name__)
Role = ApiClient.Role
VIEWER, OPERATOR, ADMIN = Role.VIEWER, Role.OPERATOR, Role.ADMIN
ACTIONS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete", "POST": "action"}


@dataclass(slots=True)
class Call:
    """One authenticated request. `query` has its names in lower case; `body` is None where none came."""

    request: HttpRequest
    now: datetime
    client: ApiClient
    subscription: Subscription
    version: date
    method: str
    query: dict[str, str]
    body: Any = None

    @property
    def path(self) -> str:
        return self.request.path_info

    @property
    def given_query(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.request.GET.items()}

    def url(self, path: str) -> str:
        """Absolute, on the host that the client used: its token must not go elsewhere."""
        return absolute(self.request, "/" + path.lstrip("/"))  # what follows two slashes would be a host

    def require(self, role: Role) -> None:
        """Raises ArmError where the client may not do that."""
        if not self.client.may(role):
            self._note_refusal(role)
            message = (
                f"The client '{self.client.name}' with object id '{self.client.pk}' does not have authorization to perform action "
                f"'{ACTIONS[self.method]}' over scope '{self.path[:300]}': it needs the role {role.value} and has "
                f"{self.client.role}."
            )
            raise ArmError("AuthorizationFailed", message)

    def _note_refusal(self, role: Role) -> None:
        """An attempt to change something that its role does not allow is kept; to read is not."""
        if ACTIONS[self.method] != "read":
            message = f"It needs the role {role.value} and has {self.client.role}."
            code, path = "AuthorizationFailed", f"{self.method} {self.path}"
            audit.record_refusal("AccessRefused", ObjectKind.ADDRESS, path, code, message, now=self.now)

    def object_body(self) -> dict[str, Any]:
        """The body, which must be a JSON object. Raises ArmError."""
        if not isinstance(self.body, dict):
            came = "nothing" if self.body is None else kind_of_value(self.body)
            raise ArmError(
                "InvalidRequestContent", f"The request content was invalid: expected a JSON object, not {came}."
            )
        return self.body

    def no_body(self) -> None:
        """What a call takes nothing of must not come: who sends it counts on it. Raises ArmError."""
        if self.body not in (None, {}):
            message = f"The request content was invalid: {self.method} of this takes no content, such as which instances; leave it out."
            raise ArmError("InvalidRequestContent", message)


View = Callable[..., Answer]
F = TypeVar("F", bound=View)
NEEDS = "_needs"
READS = "_reads"
# Who acts, where a request was made within for somebody who is no API client. Clients cannot set it: names of theirs begin with HTTP_.
ACTOR = "rollgrid.actor"
# What a Django view that was made here says of itself: the views of its methods; under the second name where it wants no token.
METHODS, WITHOUT_TOKEN = "_methods", "_without_token"


def needs(role: Role) -> Callable[[F], F]:
    """The least role that may use a view; without it, whoever may read."""

    def mark(view: F) -> F:
        setattr(view, NEEDS, role)
        return view

    return mark


def reads(body: Callable[[HttpRequest], Any]) -> Callable[[F], F]:
    """How a view's body is read, where it is not plain JSON."""

    def mark(view: F) -> F:
        setattr(view, READS, body)
        return view

    return mark


def resource(namespace: str = "", **methods: View) -> Callable[..., HttpResponse]:
    """A Django view that answers each method by one of ours: resource("microsoft.compute", GET=show, PUT=put)."""

    @csrf_exempt  # a cookie opens nothing here: only a bearer token does
    def answer(request: HttpRequest, **names: str) -> HttpResponse:
        try:
            now = clock.now()
            made = _answer(request, authenticated(request, now), now, answer, names)
        except Exception as error:
            return refused(request, error)
        return finished(request, made)

    setattr(answer, METHODS, (namespace, methods))
    return answer


def methods_of(view: Callable[..., object]) -> Mapping[str, View]:
    """What a view that `resource` made does, by method; empty for any other view."""
    found: tuple[str, Mapping[str, View]] = getattr(view, METHODS, ("", {}))
    return found[1]


def answer_for(client: ApiClient, request: HttpRequest, view: Callable[..., object], names: dict[str, str]) -> Answer:
    """What a view that `resource` made answers a client that is known already. Raises what it raises: see `failure`."""
    return _answer(request, client, clock.now(), view, dict(names))


def is_there(view: View) -> View:
    """HEAD of one resource, by the view of its GET: 204, or what that raises where there is none."""

    @wraps(view)
    def head(call: Call, **names: str) -> Answer:
        return Answer(status=204, headers=view(call, **names).headers)

    return head


def without_token(view: Callable[..., Answer]) -> Callable[..., HttpResponse]:
    """A Django view of what clients read before they have a token."""

    @csrf_exempt
    def answer(request: HttpRequest, **names: str) -> HttpResponse:
        try:
            _check_method(str(request.method), {"GET": view, "HEAD": view})
            made = view(request, **names)
        except Exception as error:
            return refused(request, error)
        return finished(request, made)

    setattr(answer, WITHOUT_TOKEN, {"GET": view})
    return answer


def _answer(
    request: HttpRequest, client: ApiClient, now: datetime, of: Callable[..., object], names: dict[str, str]
) -> Answer:
    namespace, methods = getattr(of, METHODS)
    query = {name.lower(): str(value) for name, value in request.GET.items()}
    _check_address(request.path_info, *query.values())
    version = versions.read(query.get("api-version"), namespace)
    method = "GET" if request.method == "HEAD" and "HEAD" not in methods else str(request.method)
    _check_method(method, methods)
    call = Call(request, now, client, Subscription.objects.get(), version, method, query)
    _check_subscription(call, names.pop("subscription", None))
    view = methods[method]
    options.check(request.GET, view, changes=method not in ("GET", "HEAD"))
    with audit.as_actor(lambda: _actor(call)):
        return _viewed(call, view, names)


def _viewed(call: Call, view: View, names: dict[str, str]) -> Answer:
    call.require(getattr(view, NEEDS, VIEWER))
    if call.method in ("PUT", "PATCH", "POST"):
        call.body = getattr(view, READS, json_body)(call.request)
    return view(call, **names)


def _actor(call: Call) -> Actor:
    """For the audit trail."""
    somebody: Actor | None = call.request.META.get(ACTOR)
    if somebody is not None:
        return somebody
    address, client = str(call.request.META.get("REMOTE_ADDR", "")), call.client
    correlation = correlation_id(call.request)
    return Actor(Who.API_CLIENT, client.name, str(client.pk), EntryPoint.API, address, correlation)


def _check_method(method: str, methods: Mapping[str, View]) -> None:
    """Raises ArmError."""
    if method not in methods:
        allowed = ", ".join(sorted(methods)) or "none"
        message = f"The requested resource does not support http method '{method}'; it supports: {allowed}."
        raise ArmError("MethodNotAllowed", message, headers={"Allow": allowed})


def authenticated(request: HttpRequest, now: datetime) -> ApiClient:
    """The client whose token came. Raises ArmError, with a header that makes Azure's clients fetch a new token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    message = (
        "Authentication failed. The 'Authorization' header is missing: it is 'Bearer' and a token of the token service."
    )
    if scheme.lower() == "bearer" and token.strip():
        try:
            return tokens.client_of(token.strip(), now, host=request.get_host())
        except tokens.Refused as error:
            message = f"Authentication failed. The access token is refused: {error}. Fetch a new one."
    tenant = Subscription.objects.get().tenant_id
    claims = base64.b64encode(json.dumps({"access_token": {"nbf": {"essential": True}}}).encode()).decode()
    challenge = (
        f'Bearer authorization_uri="{absolute(request, f"/{tenant}")}", error="insufficient_claims", claims="{claims}"'
    )
    raise ArmError("AuthenticationFailed", message, headers={"WWW-Authenticate": challenge})


def _check_address(*parts: str) -> None:
    """Raises ArmError for what no database takes."""
    if any("\0" in part for part in parts):
        raise ArmError(
            "InvalidParameter", "the address has a NUL (%00) in it: no name of a RESOURCE_GROUP/NAME has one"
        )


def _check_subscription(call: Call, given: str | None) -> None:
    if given is not None and given.lower() != str(call.subscription.pk):
        raise ArmError("SubscriptionNotFound", f"The subscription '{given[:80]}' could not be found.")


def json_body(request: HttpRequest) -> Any:
    """The JSON that came. What cannot be read is said without being repeated: there may be secrets in it."""
    raw = request.body.strip()
    if not raw:
        return None
    try:
        body = json.loads(raw.decode("utf-8-sig"), parse_float=_number, object_pairs_hook=refuse_duplicate_fields)
        check_json(body)
    except json.JSONDecodeError as error:
        where = f"{error.msg} in line {error.lineno}, column {error.colno}"
        raise bad_content(f"it is not JSON: {where}") from None
    except UnicodeDecodeError:
        raise bad_content("it is not UTF-8 text") from None
    except BadDocument as error:
        raise bad_content(error.message) from None
    except (ValueError, RecursionError):
        raise bad_content("it is nested too deeply, or has a number of too many digits") from None
    return body


def _number(given: str) -> float:
    """One that every database gives back as it took it: PostgreSQL knows no -0.0, and makes whole numbers of large ones."""
    number = float(given)
    return int(number) if 1e16 <= abs(number) < math.inf else number + 0.0


def bad_content(why: str) -> ArmError:
    return ArmError("InvalidRequestContent", f"The request content was invalid and could not be read: {why}.")


def refused(request: HttpRequest, error: Exception) -> HttpResponse:
    """This is where errors become answers."""
    failed = failure(error, request)
    return finished(request, Answer(failed.body, failed.status, failed.headers))


def failure(error: Exception, request: HttpRequest) -> ArmError:
    """What an error that a view raised is to clients."""
    if isinstance(error, ArmError):
        return error
    if isinstance(error, Refused):
        return refusal(error)
    if isinstance(error, BadDocument):
        return ArmError(error.code, error.message, target=error.target)
    if isinstance(error, RequestDataTooBig):
        max_megabytes = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1_000_000
        return ArmError(
            "RequestTooLarge", f"The request content is too large: at most {max_megabytes} MB are taken here."
        )
    if isinstance(error, BadRequest | SuspiciousOperation):
        return ArmError(
            "BadRequest", "The request has too many parameters, or asks for a host that this server is not."
        )
    if isinstance(error, UnreadablePostError):
        return bad_content("the connection ended before all of it had come")
    if is_database_away(error):
        log.error("the database is not working (%s)", error)
        return ArmError("ServiceUnavailable", "The database does not answer. Try again in some seconds.")
    log.exception("%s %r failed", request.method, request.path)
    return ArmError("InternalServerError", "Something went wrong on the server; its log says what. Try again later.")


def finished(request: HttpRequest, answer: Answer) -> HttpResponse:
    """As HTTP, with the headers that each answer of Azure has."""
    headers = {**answer.headers, "Cache-Control": "no-cache", "x-ms-request-id": request_id(request)}
    headers["x-ms-correlation-request-id"] = correlation_id(request)
    own = request.headers.get("x-ms-client-request-id", "")
    if request.headers.get("x-ms-return-client-request-id", "").lower() == "true" and _is_plain(own):
        headers["x-ms-client-request-id"] = own
    if answer.body is None:
        return HttpResponse(status=answer.status, headers=headers)
    return JsonResponse(answer.body, status=answer.status, headers=headers, safe=False)


def request_id(request: HttpRequest) -> str:
    """Its own: made when it is first asked for."""
    found: str = request.META.setdefault("rollgrid.request_id", str(uuid.uuid4()))
    return found


def correlation_id(request: HttpRequest) -> str:
    """What the client calls the work that this request is part of; the request's own id where it does not say."""
    given = request.headers.get("x-ms-correlation-request-id", "")
    return given if _is_plain(given) else request_id(request)


def _is_plain(value: str) -> bool:
    return 0 < len(value) <= 100 and value.isascii() and value.isprintable()
