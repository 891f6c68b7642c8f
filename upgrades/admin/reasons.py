"""Why a scale set is not moving, for its page: every reason of its last decision, the weightiest first."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from upgrades.core.catalogue import text_of
from upgrades.core.ranges import ranges


def shown_reasons(found: Iterable[Mapping[str, Any]]) -> SafeString:
    lines = ((reason["code"], reason["text"], "; ".join(_details(reason))) for reason in found)
    return format_html_join("", "<p><strong>{}</strong>: {}<br>{}</p>", lines)


def _details(reason: Mapping[str, Any]) -> Iterator[str]:
    if reason["instances"]:
        yield f"instances {ranges(map(int, reason['instances']))}"
    for word in ("since", "until"):
        if reason[word]:
            yield f"{word} {datetime.fromisoformat(reason[word]):%Y-%m-%d %H:%M:%S} UTC"
    who = text_of(f"lifted_by.{reason['who']}")
    act = f" ({reason['act'].replace('_', ' ')})" if reason["act"] else ""
    yield f"lifted by {who}{act}" if who else "no action needed"
