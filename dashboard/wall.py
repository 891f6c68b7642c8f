"""The page of a wallboard: whoever has its address may see it, without a session and without cookies."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse
from django.template import engines, loader
from django.utils import timezone
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from dashboard import error_pages, static_files
from dashboard.content_policy import framed_by
from dashboard.languages import ENGLISH
from dashboard.page_texts import texts_in
from upgrades.models.wallboard_link import link_of, note_use

TEMPLATE = "wall.html"
THEMES = ("dark", "light", "auto")  # the first one where the address asks for none


@cache
def build() -> str:
    """The present build of the page, which stays open for months: where there is another one, it loads itself anew."""
    engine: Any = engines["django"]
    source = Path(engine.get_template(TEMPLATE).origin.name).read_text(encoding="utf-8")
    return hashlib.sha256(f"{static_files.digest()}\0{source}".encode()).hexdigest()[:12]


@cache
def languages() -> list[str]:
    """Those that a wall speaks, English first: its own texts and the engine's have to be there, not those of all pages (docs/texts.md)."""
    folder = Path(str(finders.find("texts") or "texts"))
    return [ENGLISH, *sorted(file.stem for file in folder.glob("*.json"))]


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
    language = request.GET.get("lang", ENGLISH)
    theme = request.GET.get("theme", THEMES[0])
    context = {
        "link": link,
        "build": build(),
        "languages": languages(),
        "language": language if language in languages() else ENGLISH,
        "page_texts": texts_in(language) if language in languages() else {},
        "theme": theme if theme in THEMES else THEMES[0],
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
