"""The languages of the pages: English, and each one whose texts are complete (docs/texts.md).

The texts of a language are complete where `make texts` has written its django.mo, which it does for no other.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf.locale import LANG_INFO
from django.http import HttpRequest
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware

from dashboard import limits
from dashboard.limits import Shape

FOLDER = Path(__file__).parent / "locale"
ENGLISH = "en"


def offered(folder: Path = FOLDER) -> list[tuple[str, str]]:
    """(code, its own name) of each language, English first."""
    complete = sorted(file.parent.parent.name for file in folder.glob("*/LC_MESSAGES/django.mo"))
    codes = [ENGLISH, *(name.replace("_", "-").lower() for name in complete)]
    return [(code, LANG_INFO.get(code, {}).get("name_local", code)) for code in codes]


@sync_and_async_middleware
def use_browser_language(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware: answer in the best language for the browser. The API, like the terminal and the log, always speaks English."""

    def answer(request: HttpRequest) -> Any:
        if _is_for_programs(request):
            return get_response(request)
        with translation.override(translation.get_language_from_request(request)):
            return _labelled(get_response(request))

    async def answer_later(request: HttpRequest) -> Any:
        if _is_for_programs(request):
            return await get_response(request)
        with translation.override(translation.get_language_from_request(request)):
            return _labelled(await get_response(request))

    return answer_later if iscoroutinefunction(get_response) else answer


def _is_for_programs(request: HttpRequest) -> bool:
    return limits.route(request.path_info).shape in (Shape.ARM, Shape.TOKEN)


def _labelled(response: Any) -> Any:
    response.headers.setdefault("Content-Language", translation.get_language())
    patch_vary_headers(response, ("Accept-Language",))
    return response
