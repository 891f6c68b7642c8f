"""/healthz (the process is alive) and /readyz (database, broker, a worker answering)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import sync_and_async_middleware
from redis import Redis

CHECK_SECONDS = 2.0
MARK = "rollgrid:worker-answered"
MARK_SECONDS = 10  # beat asks for a mark every two seconds

_threads = ThreadPoolExecutor(max_workers=3, thread_name_prefix="readyz")


@cache
def broker() -> "Redis":
    return Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


def leave_mark() -> None:
    """Called by a worker. The broker forgets the mark by itself, so that no two clocks are compared."""
    broker().set(MARK, 1, ex=MARK_SECONDS)


def database_answers() -> bool:
    """Reads a table, because SQLite answers a bare SELECT 1 without looking at its file. Closes what it opened in this thread."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")
            return cursor.fetchone() is not None
    finally:
        connection.close()


def broker_answers() -> bool:
    return bool(broker().ping())


def worker_answers() -> bool:
    return bool(broker().exists(MARK))


CHECKS: dict[str, Callable[[], bool]] = {
    "database": database_answers,
    "broker": broker_answers,
    "worker": worker_answers,
}


def readiness() -> dict[str, bool]:
    """Each check's answer. One that fails in whatever way, or is slow, says no: this is the place where errors become answers."""
    asked = {name: _threads.submit(check) for name, check in CHECKS.items()}
    answers = {}
    for name, future in asked.items():
        try:
            answers[name] = future.result(timeout=CHECK_SECONDS)
        except Exception:
            future.cancel()
            answers[name] = False
    return answers


def alive(request: HttpRequest) -> HttpResponse:
    return HttpResponse("alive\n", content_type="text/plain")


def ready(request: HttpRequest) -> HttpResponse:
    answers = readiness()
    return JsonResponse(answers, status=200 if all(answers.values()) else 503)


PAGES = {"/healthz": alive, "/readyz": ready}


@sync_and_async_middleware
def answer_first(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Answers the two addresses before anything else: whoever asks them knows no host name, has no session and may speak plain http."""

    def answer(request: HttpRequest) -> Any:
        page = PAGES.get(request.path_info)
        return page(request) if page else get_response(request)

    async def answer_later(request: HttpRequest) -> Any:
        page = PAGES.get(request.path_info)
        # A thread of its own: the shared one may be waiting for the very database that is asked about.
        return await (sync_to_async(page, thread_sensitive=False)(request) if page else get_response(request))

    return answer_later if iscoroutinefunction(get_response) else answer
