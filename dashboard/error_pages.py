"""Answers to requests that cannot be understood, and while the database is away: in the shape that the client expects."""

import sys
from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import sync_and_async_middleware
from django.utils.translation import gettext_lazy

from dashboard import limits
from dashboard.limits import Shape
from upgrades.arm import urls
from upgrades.outages import is_database_away

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
OUT_OF_SERVICE = gettext_lazy("The database is unavailable. Nothing was changed; try again in a few seconds.")
FAILED = gettext_lazy("Something went wrong on the server. Details are in its log.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400. It has no `requires_csrf_token` as Django's own does: that would read the unreadable form again."""
    if answer := urls.bad_request(request, exception):
        return answer
    if limits.route(request.path_info).shape is Shape.SCRIPT:
        return to_response(limits.answer(Shape.SCRIPT, 400))
    return _page("400.html", 400)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    return _page("404.html", 404)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    return _page("403.html", 403)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500. The answer is 503 where it is the database that is away."""
    error = sys.exc_info()[1]
    away = error is not None and is_database_away(error)
    if limits.route(request.path_info).shape is Shape.SCRIPT:
        code, message = ("ServiceUnavailable", OUT_OF_SERVICE) if away else ("InternalServerError", FAILED)
        return to_response(limits.json_answer(503 if away else 500, code, str(message)))
    answer = _page("503.html" if away else "500.html", 503 if away else 500)
    if away:
        answer.headers["Retry-After"] = "5"
    return answer


def _page(template: str, status: int) -> HttpResponse:
    """An error page, rendered without the request, so that it makes no query.

    Django renders errors in threads of their own, and each would keep a database connection that nobody closes. And it may be the database
    that is in trouble.
    """
    return render(None, template, status=status)


def to_response(answer: limits.Answer) -> HttpResponse:
    """The answer as a response of Django's."""
    return HttpResponse(answer.body, status=answer.status, content_type=answer.content_type)


@sync_and_async_middleware
def refuse_unreadable(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware: refuse a page's request that cannot be read, or that has a NUL in it, which databases do not take."""

    def answer(request: HttpRequest) -> Any:
        _check(request)
        return get_response(request)

    async def answer_later(request: HttpRequest) -> Any:
        _check(request)
        return await get_response(request)

    return answer_later if iscoroutinefunction(get_response) else answer


def _check(request: HttpRequest) -> None:
    """Raise BadRequest, or what Django raises for an unreadable form. The API and the token service check their own requests."""
    if limits.route(request.path_info).shape in (Shape.ARM, Shape.TOKEN):
        return
    given = [request.GET]
    if request.method == "POST" and request.content_type in FORMS:
        given.append(request.POST)
    words = [word for form in given for name, values in form.lists() for word in (name, *values)]
    if any("\0" in word for word in (request.path, *words)):
        raise BadRequest("there is a NUL in the request")
