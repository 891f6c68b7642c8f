"""Errors for programs: a client that is no browser gets JSON, never a page, whatever path it requests."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import get_resolver
from django.utils.decorators import sync_and_async_middleware

from upgrades.arm.errors import ArmError

CODES = {
    400: ("BadRequest", "The request cannot be read."),
    401: ("AuthenticationFailed", "Nobody is signed in. Programs use the API, with a token: docs/arm-api.md."),
    403: ("AuthorizationFailed", "This is not allowed. Programs use the API, with a token: docs/arm-api.md."),
    404: ("NotFound", "There is nothing at this address; docs/arm-api.md lists what is served."),
    405: ("MethodNotAllowed", "The address does not support this HTTP method."),
    429: ("TooManyRequests", "Too many tries. Wait as long as Retry-After says."),
    503: (
        "ServiceUnavailable",
        "The database is unavailable. Nothing was changed; try again in a few seconds.",
    ),
    500: ("InternalServerError", "Something went wrong on the server; its log says what. Try again later."),
}


@sync_and_async_middleware
def errors_as_json(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware: for programs, replace an error page by an error in the API's shape."""

    def answer(request: HttpRequest) -> Any:
        return _for_programs(request, get_response(request))

    async def answer_later(request: HttpRequest) -> Any:
        return _for_programs(request, await get_response(request))

    return answer_later if iscoroutinefunction(get_response) else answer


def _for_programs(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    is_page = response.headers.get("Content-Type", "text/html").startswith("text/html")
    status = 401 if response.status_code == 302 and _says_program(request) else response.status_code
    if not is_page or status < 400 or not _is_of_a_program(request):
        return response
    code, message = CODES.get(status, CODES[400 if status < 500 else 500])
    kept = {name: value for name, value in response.headers.items() if name in ("Allow", "Retry-After")}
    return JsonResponse(ArmError(code, message).body, status=status, headers=kept)


def _is_of_a_program(request: HttpRequest) -> bool:
    """Whether a program made the request: its headers say so, or it does not accept HTML and the address is not one of the pages'."""
    return _says_program(request) or (
        "text/html" not in _accepted(request) and _first(request.path_info) not in _pages()
    )


def _says_program(request: HttpRequest) -> bool:
    has_token = request.headers.get("Authorization", "").lower().startswith("bearer")
    return has_token or ("json" in _accepted(request) and "text/html" not in _accepted(request))


def _accepted(request: HttpRequest) -> str:
    return request.headers.get("Accept", "").lower()


def _first(path: str) -> str:
    return path.lstrip("/").partition("/")[0].lower()


def _pages() -> set[str]:
    """The first path segments of all pages' addresses."""
    return {"static", *(_first(str(pattern.pattern)) for pattern in get_resolver().url_patterns)}
