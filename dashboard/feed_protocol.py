"""GET /feed/schema and /feed/asyncapi: the feed's protocol for machines, for anybody. `python -m tests.feed_documents` writes the files."""

from functools import cache
from pathlib import Path

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

FOLDER = Path(__file__).parent / "feed_documents"
MAX_AGE_SECONDS = 300


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The JSON Schema of the messages, as clients may rely on it."""
    return _document("schema.json", "application/schema+json")


@require_safe
def asyncapi(request: HttpRequest) -> HttpResponse:
    """The AsyncAPI 3 document of the socket and the events."""
    return _document("asyncapi.json", "application/json")


def _document(name: str, kind: str) -> HttpResponse:
    headers = {"Cache-Control": f"public, max-age={MAX_AGE_SECONDS}", "Access-Control-Allow-Origin": "*"}
    return HttpResponse(_content(name), content_type=kind, headers=headers)


@cache
def _content(name: str) -> bytes:
    return (FOLDER / name).read_bytes()
