"""Calls of the API from within: each resource of a template is put as its client would put it, with the same checks and the same traces."""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from upgrades.arm.answers import Answer
from upgrades.arm.errors import ArmError
from upgrades.arm.requests import Call, answer_for, correlation_id, failure, methods_of
from upgrades.models import ApiClient, Deployment, Subscription
from upgrades.outages import is_database_away

# What a nested deployment has from the outer one. Clients cannot set it: names of theirs begin with HTTP_.
OUTER = "rollgrid.outer_deployment"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who deploys, and as what its request came."""

    client: ApiClient
    subscription: Subscription
    host: str
    is_https: bool
    came_from: str
    correlation_id: str

    @classmethod
    def of_call(cls, call: Call) -> "Caller":
        request = call.request
        return cls(
            call.client,
            call.subscription,
            request.get_host(),
            request.is_secure(),
            str(request.META.get("REMOTE_ADDR", ""))[:200],
            correlation_id(request),
        )

    @classmethod
    def of_deployment(cls, row: Deployment) -> "Caller":
        """Raises ArmError where the client was revoked meanwhile."""
        client = ApiClient.objects.filter(pk=row.client_id, revoked_at=None).first()
        if client is None:
            raise ArmError("AuthorizationFailed", "The client that began the deployment has been revoked meanwhile.")
        subscription = Subscription.objects.get()
        return cls(client, subscription, row.host, row.is_https, row.came_from, row.correlation_id)

    @property
    def columns(self) -> dict[str, Any]:
        """For a row of Deployment."""
        return {
            "client_id": self.client.pk,
            "host": self.host[:300],
            "is_https": self.is_https,
            "came_from": self.came_from,
            "correlation_id": self.correlation_id,
        }

    @property
    def base(self) -> str:
        return f"{'https' if self.is_https else 'http'}://{self.host}"

    def ask(
        self, method: str, path: str, version: str, body: Any = None, *, outer: Mapping[str, Any] | None = None
    ) -> Answer:
        """What the API answers. Raises ArmError; and what it is, where the database is away, for then it is asked again later."""
        return self._asked(method, path, {"api-version": version}, body, outer)

    def follow(self, address: str) -> Answer:
        """What is at an address that an answer named: /path?query. Raises as `ask` does."""
        parts = urlsplit(address)
        return self._asked("GET", unquote(parts.path), dict(parse_qsl(parts.query)), None, None)

    def _asked(
        self, method: str, path: str, query: Mapping[str, str], body: Any, outer: Mapping[str, Any] | None
    ) -> Answer:
        request = self._request(method, path, query, body)
        if outer is not None:
            request.META[OUTER] = outer
        try:
            view, names = view_of(path)
            return answer_for(self.client, request, view, names)
        except Exception as error:
            if is_database_away(error):
                raise
            raise failure(error, request) from error

    def _request(self, method: str, path: str, query: Mapping[str, str], body: Any) -> HttpRequest:
        content = b"" if body is None else json.dumps(body).encode()
        return WSGIRequest(
            {
                "REQUEST_METHOD": method,
                "PATH_INFO": path.encode().decode("latin-1"),
                "QUERY_STRING": urlencode(query),
                "CONTENT_TYPE": "application/json",
                "CONTENT_LENGTH": str(len(content)),
                "SERVER_NAME": "localhost",
                "SERVER_PORT": "443" if self.is_https else "80",
                "HTTP_HOST": self.host,
                "HTTP_X_MS_CORRELATION_REQUEST_ID": self.correlation_id,
                "REMOTE_ADDR": self.came_from,
                "wsgi.url_scheme": "https" if self.is_https else "http",
                "wsgi.input": io.BytesIO(content),
            }
        )


def view_of(path: str) -> tuple[Callable[..., HttpResponse], dict[str, str]]:
    """The view of the API at that path, and the names in it. Raises ArmError."""
    try:
        match = resolve(path)
    except Resolver404:
        match = None
    if match is None or not methods_of(match.func):
        raise ArmError(
            "InvalidResourceType", f"There is nothing at '{path[:300]}'; docs/arm-api.md lists what is served."
        )
    return match.func, match.kwargs
