"""The page of a wallboard: whoever has its address may see it, without a session and without cookies."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.template import engines, loader
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from dashboard import error_pages, static_files
from dashboard.content_policy import framed_by
from dashboard.page_texts import texts_of_page
from upgrades.models.wallboard_link import link_of, note_use

TEMPLATE = "wall.html"


@cache
def build() -> str:
    """The present build of the page, which stays open for months: where there is another one, it loads itself anew."""
    engine: Any = engines["django"]
    source = Path(engine.get_template(TEMPLATE).origin.name).read_text(encoding="utf-8")
    return hashlib.sha256(f"{static_files.digest()}\0{source}".encode()).hexdigest()[:12]


@require_safe
@xframe_options_exempt
def page(request: HttpRequest, token: str) -> HttpResponse:
    """GET /wall/<token>/. A token that opens nothing is answered with the same page, whether it was revoked or never made.

    The page is rendered without the request: nothing of it looks at the session, so that the answer is the same with and without one.
    """
    link = link_of(token)
    if link is None:
        return _unseen(error_pages.not_found(request, Http404()), frozenset())
    note_use(link, timezone.now())
    context = {
        "link": link,
        "token": token,
        "scope_text": str(link.scope),
        "build": build(),
        "language": get_language(),
        **texts_of_page(request),
    }
    answer = HttpResponse(loader.get_template(TEMPLATE).render(context))
    answer.headers["X-Rollgrid-Build"] = build()
    return _unseen(answer, frozenset(link.origins))


def _unseen(answer: HttpResponse, origins: frozenset[str]) -> HttpResponse:
    """The answer, kept nowhere, whose address no other site learns, and that only pages of these origins may embed."""
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Content-Security-Policy"] = framed_by(origins)
    if not origins:
        answer.headers["X-Frame-Options"] = "DENY"
    return answer
