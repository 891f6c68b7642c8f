"""The texts of a page in another language than English, which its scripts look up: static/js/catalogue.js (docs/texts.md)."""

import json
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.http import HttpRequest
from django.utils.translation import get_language

from upgrades.core.catalogue import ENGLISH, messages_in


def texts_of_page(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `page_texts` are those of the page's language, {} where that is English."""
    return {"page_texts": partial(texts_in, get_language() or ENGLISH)}


@cache
def texts_in(language: str) -> Mapping[str, str]:
    """{key: template}: the pages' own texts (static/texts), and what the engine says (core/catalogue)."""
    if language == ENGLISH:
        return {}
    own = finders.find(f"texts/{language}.json")
    texts: dict[str, str] = json.loads(Path(str(own)).read_text(encoding="utf-8")) if own else {}
    return {**texts, **messages_in(language)}
