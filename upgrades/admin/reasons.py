"""Why a scale set is not moving, for its page: every reason of its last decision, the weightiest first."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from upgrades.core.catalogue import ENGLISH, messages_in, text_of
from upgrades.core.ranges import ranges


def shown_reasons(found: Iterable[Mapping[str, Any]]) -> SafeString:
    lines = ((reason["code"], reason["text"], "; ".join(_details(reason))) for reason in found)
    return format_html_join("", "<p><strong>{}</strong>: {}<br>{}</p>", lines)


def _details(reason: Mapping[str, Any]) -> Iterator[str]:
    if reason["instances"]:
        yield _("instances {numbers}").format(numbers=ranges(map(int, reason["instances"])))
    if reason["since"]:
        yield _("since {start}").format(start=_moment(reason["since"]))
    if reason["until"]:
        yield _("until {end}").format(end=_moment(reason["until"]))
    who = _said(f"lifted_by.{reason['who']}")
    yield _("{who} can resolve it").format(who=who) if who else _("no action needed")


def _said(key: str) -> str:
    """A message of the engine in the language of the page; "" where there is no such message."""
    return messages_in(get_language() or ENGLISH).get(key) or text_of(key)


def _moment(written: str) -> str:
    return f"{datetime.fromisoformat(written):%Y-%m-%d %H:%M:%S} UTC"
