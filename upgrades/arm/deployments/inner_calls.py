"""Calls of the API from within: each resource of a template is put as its client would put it, with the same checks and the same traces."""

import io
import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from django.contrib.auth import get_user_model
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from upgrades.arm.answers import Answer
from upgrades.arm.errors import ArmError
from upgrades.arm.requests import ACTOR, Call, answer_for, correlation_id, failure, methods_of
from upgrades.core.auditing import Actor, EntryPoint, Who
from upgrades.models import ApiClient, Deployment, Subscription
from upgrades.outages import is_database_away

# What a nested deployment has from the outer one. Clients cannot set it: names of theirs begin with HTTP_.
OUTER = "rollgrid.outer_deployment"
PERMISSION = "upgrades.add_deployment"  # of people who may deploy templates
OTHERS = uuid.UUID("5a0dd2d6-3f0f-4c0c-9a43-6f2a8c6f7d10")  # ids of those who deploy and are no API clients


@dataclass(frozen=True, slots=True)
class Caller:
    """Who deploys, and as what its request came."""

    client: ApiClient
    subscription: Subscription
    host: str
    is_https: bool
    came_from: str
    correlation_id: str
    actor: Actor | None = None

    @classmethod
    def of_actor(cls, actor: Actor, host: str, *, is_https: bool) -> "Caller":
        """Somebody who is no API client: a person on the page, or at the terminal. Whether they may deploy is known already."""
        pk = uuid.uuid5(OTHERS, f"{actor.who}:{actor.id or actor.name}")
        client = ApiClient(pk=pk, name=actor.name, role=ApiClient.Role.ADMIN)
        subscription = Subscription.objects.get()
        return cls(client, subscription, host, is_https, actor.came_from, actor.request_id, actor)

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
            request.META.get(ACTOR),
        )

    @classmethod
    def of_deployment(cls, row: Deployment) -> "Caller":
        """Raises ArmError where the client was revoked meanwhile, or the person may not deploy any more."""
        if row.who != Who.API_CLIENT:
            _check_person(row)
            return cls.of_actor(actor_of(row), row.host, is_https=row.is_https)
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
            "who": self.actor.who.value if self.actor else Who.API_CLIENT.value,
            "actor_name": self.actor.name if self.actor else self.client.name,
            "actor_id": self.actor.id if self.actor else str(self.client.pk),
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
        if self.actor is not None:
            request.META[ACTOR] = self.actor
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


def actor_of(row: Deployment) -> Actor:
    """Who deploys, for the audit trail."""
    entry_point = {Who.PERSON: EntryPoint.PAGE, Who.COMMAND_LINE: EntryPoint.TERMINAL}.get(Who(row.who), EntryPoint.API)
    return Actor(Who(row.who), row.actor_name, row.actor_id, entry_point, row.came_from, row.correlation_id)


def _check_person(row: Deployment) -> None:
    """Raises ArmError."""
    if row.who == Who.PERSON:
        person = get_user_model().objects.filter(pk=row.actor_id, is_active=True).first()
        if person is None or not person.has_perm(PERMISSION):
            raise ArmError("AuthorizationFailed", f"{row.actor_name} may not deploy templates any more.")


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
