"""How large and how slow a request may be, and the shape of its refusal, for each address. Imports no Django.

The server applies these limits before a byte of a body is read (dashboard/channel.py, dashboard/uvicorn_channel.py). Django's own limit
and the API's message use them too.
"""

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from http import HTTPStatus
from urllib.parse import unquote

KB, MB = 1000, 1_000_000
MAX_SIGN_IN = 16 * KB  # a name and a password, or a client's id and secret
MAX_FORM = 256 * KB  # twice the ids of all instances of the largest scale set
MAX_DOCUMENT = 4 * MB  # the limit of Azure Resource Manager
MAX_MESSAGE = 256 * KB  # from a websocket's client: its position in each of some thousand scale sets
MAX_BUFFERED = 256 * MB  # all bodies in memory at once, in one server process
MAX_HEADERS = 100
MAX_HEAD = 16 * 1024  # bytes, the request line and all headers together
HEAD_SECONDS = 20  # until all headers have come
BODY_SECONDS = 60  # until all of the body has come
IDLE_SECONDS = 60  # between two requests on one connection
LINGER_SECONDS = 5  # how long a refused client may go on sending, so that it can read the answer


class Shape(StrEnum):
    """How a refusal is written."""

    ARM = "arm"
    TOKEN = "token"
    SCRIPT = "act"  # JSON for the pages' scripts
    PAGE = "page"


class BufferedBytes:
    """How many bytes of request bodies are in memory now, over all connections."""

    def __init__(self) -> None:
        self.bytes = 0


BUFFERED = BufferedBytes()


@dataclass(frozen=True, slots=True)
class Route:
    """The limits of the addresses that match `pattern`."""

    pattern: re.Pattern[str]
    largest: int  # bytes of a body
    shape: Shape

    def refusal(self, size: int, more: int) -> tuple[int, str] | None:
        """Why a body of `size` bytes, of which `more` are not in memory yet, is refused: (status, what is accepted). None if it is not."""
        if size > self.largest:
            return 413, f"at most {spelled(self.largest)} are taken here" if self.largest else "none is taken here"
        return (503, "") if BUFFERED.bytes + more > MAX_BUFFERED else None


def _route(pattern: str, largest: int, shape: Shape) -> Route:
    return Route(re.compile(f"/+{pattern}", re.IGNORECASE | re.ASCII), largest, shape)


# The first match counts. The API's addresses are found in upper and lower case, and with doubled slashes (upgrades/arm/urls.py).
ROUTES = (
    _route(r"ws/", 0, Shape.PAGE),
    _route(r"(admin/+)?log(in|out)/*$", MAX_SIGN_IN, Shape.PAGE),
    _route(r"[^/]+/+oauth2/+(v2\.0/+)?token/*$", MAX_SIGN_IN, Shape.TOKEN),
    _route(r"[^/]+/+(v2\.0/+)?\.well-known/", MAX_SIGN_IN, Shape.ARM),
    _route(r"(subscriptions|providers|tenants|metadata)(/|$)", MAX_DOCUMENT, Shape.ARM),
    _route(r"(scale-sets/+[^/]+/+[^/]+/+[^/]+/+|fleet-stop/+(end/+)?|images/+publish/+)$", MAX_FORM, Shape.SCRIPT),
    _route(r"deployments/+new/*$", MAX_DOCUMENT, Shape.PAGE),
    _route(r"feed/+ticket/*$", MAX_SIGN_IN, Shape.SCRIPT),
    _route(r"", MAX_FORM, Shape.PAGE),
)
_ANY = Route(re.compile(""), MAX_FORM, Shape.PAGE)


def route(uri: str, prefix: str = "") -> Route:
    """The route of an address as the client sent it, with or without the sub-path `prefix`."""
    path = unquote(uri.partition("?")[0])
    if prefix and path.startswith(f"{prefix}/"):
        path = path[len(prefix) :]
    return next((route for route in ROUTES if route.pattern.match(path)), _ANY)


def spelled(size: int) -> str:
    """A size for people: "16 KB", "4 MB"."""
    return f"{size // MB} MB" if size >= MB and not size % MB else f"{size // KB} KB"


@dataclass(frozen=True, slots=True)
class Answer:
    """A refusal, ready to be sent."""

    status: int
    content_type: str
    body: bytes

    def head(self) -> bytes:
        """The status line and all headers. The connection is closed after the answer."""
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
            "Connection: close",
            "Cache-Control: no-store",
            "X-Content-Type-Options: nosniff",
            "Content-Security-Policy: default-src 'none'",
            *(["Retry-After: 5"] if self.status == HTTPStatus.SERVICE_UNAVAILABLE else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode()


# {status: (the API's code, the token service's error, the token service's number, what is wrong)}.
WORDS = {
    400: ("BadRequest", "invalid_request", "AADSTS900144", "the request is no HTTP that this server understands"),
    408: ("RequestTimeout", "invalid_request", "AADSTS900144", "the request did not come in time: send it faster"),
    413: ("RequestTooLarge", "invalid_request", "AADSTS900144", "the request content is too large"),
    431: ("RequestTooLarge", "invalid_request", "AADSTS900144", "the address and the headers are too long or too many"),
    503: ("ServiceUnavailable", "temporarily_unavailable", "AADSTS90033", "the server is busy: try again in a moment"),
}


def answer(shape: Shape, status: int, more: str = "") -> Answer:
    """The refusal with this status in this shape. `more` says what would be accepted."""
    code, error, number, message = WORDS[status]
    message = f"{message}: {more}" if more else message
    if shape is Shape.PAGE:
        title = f"{status} {HTTPStatus(status).phrase}"
        text = f"<!doctype html><html lang=en><title>{title}</title><h1>{title}</h1><p>{escape(_sentence(message))}</p></html>\n"
        return Answer(status, "text/html; charset=utf-8", text.encode())
    if shape is Shape.TOKEN:
        content = {"error": error, "error_description": f"{number}: {message}"}
        return _json(status, content)
    return json_answer(status, code, _sentence(message))


def json_answer(status: int, code: str, message: str) -> Answer:
    """An error in the shape that the API and the pages' scripts share."""
    return _json(status, {"error": {"code": code, "message": message}})


def _json(status: int, content: object) -> Answer:
    return Answer(status, "application/json; charset=utf-8", json.dumps(content).encode())


def _sentence(message: str) -> str:
    return f"{message[0].upper()}{message[1:]}."
