"""/healthz (this server is alive), /readyz (it can serve), /healthz/engine (upgrades go on). docs/operations.md says more."""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware
from redis import Redis

from dashboard.shared_check import SharedCheck
from upgrades import engine_state, outages
from upgrades.engine_state import Away
from upgrades.models import ScaleSet, WriteMark


@cache
def broker() -> "Redis":
    return Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


def write_to_database() -> None:
    """Check the database as the product uses it: write a row and commit it. Closes this thread's connection."""
    try:
        WriteMark.leave(timezone.now())
        NEEDS["simulator"] = ScaleSet.objects.filter(location__provider="simulated").exists()
    finally:
        connection.close()


def ask_broker() -> None:
    broker().ping()


NEEDS = {"simulator": False}  # whether a scale set uses it, as last read from the database
CHECKS = {
    "database": SharedCheck(write_to_database, outages.why),
    "broker": SharedCheck(ask_broker, outages.why),
}


def _alive(request: HttpRequest) -> HttpResponse:
    return HttpResponse("alive\n", content_type="text/plain")


def _ready(problems: dict[str, str]) -> HttpResponse:
    """The answer of /readyz. It shows the engine's state too, but that does not change the status: this server serves without it."""
    found = {name: problem for name, problem in problems.items() if problem}
    body: dict[str, Any] = {name: name not in found for name in problems}
    body |= {"problems": found, "engine": _engine_body(_away())}
    return JsonResponse(body, status=503 if found else 200)


def _engine(problem: str) -> HttpResponse:
    """The answer of /healthz/engine. `problem`: what is wrong with the database, "" for nothing.

    It counts too: while the database takes no writes no upgrade goes on, but parts that have nothing to write still leave heartbeats.
    """
    body = _engine_body(_away())
    if problem:
        body |= {"working": False, "problems": {"database": problem}}
    return JsonResponse(body, status=200 if body["working"] else 503)


def _away() -> list[Away]:
    return engine_state.away(settings.ROLLGRID_HOME, timezone.now(), simulator=NEEDS["simulator"])


def _engine_body(away: list[Away]) -> dict[str, Any]:
    since = {part.part.value: part.since.isoformat(timespec="seconds") if part.since else None for part in away}
    return {"working": not since, "away": since}


def _answer(request: HttpRequest) -> HttpResponse | None:
    match request.path_info:
        case "/healthz":
            return _alive(request)
        case "/readyz":
            return _ready({name: check.ask() for name, check in CHECKS.items()})
        case "/healthz/engine":
            return _engine(CHECKS["database"].ask())
    return None


async def _answer_later(request: HttpRequest) -> HttpResponse | None:
    match request.path_info:
        case "/healthz":
            # Answered in a thread: if this server has no thread left, it is not alive.
            return await sync_to_async(_alive, thread_sensitive=False)(request)
        case "/readyz":
            return _ready({name: await check.ask_later() for name, check in CHECKS.items()})
        case "/healthz/engine":
            return _engine(await CHECKS["database"].ask_later())
    return None


@sync_and_async_middleware
def answer_first(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware: answer the three addresses before all others. Their clients know no host name, have no session and may use plain http."""

    def answer(request: HttpRequest) -> Any:
        return _answer(request) or get_response(request)

    async def answer_later(request: HttpRequest) -> Any:
        asked: Awaitable[Any] = _answer_later(request)
        return await asked or await get_response(request)

    return answer_later if iscoroutinefunction(get_response) else answer
