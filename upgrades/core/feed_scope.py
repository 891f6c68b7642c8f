"""Which scale sets a reader of the feed may see, and the origins of pages that may read it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

_HOST = re.compile(r"\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_USUAL_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class FeedScope:
    """The scale sets that a reader may see: all, or those named by `keys`, and all in `groups`, also later ones. In lower case."""

    sees_all: bool = True
    keys: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    @classmethod
    def of(cls, keys: Iterable[str], groups: Iterable[str]) -> Self:
        """The scope of these scale sets ("group/name") and resource groups; without any, of all."""
        kept = frozenset(key.lower() for key in keys), frozenset(group.lower() for group in groups)
        return cls(not any(kept), *kept)

    def sees(self, key: str) -> bool:
        """Whether a reader with this scope may see this scale set. Any other is to be answered as one that does not exist."""
        return self.sees_all or key in self.keys or key.partition("/")[0] in self.groups

    def __str__(self) -> str:
        if self.sees_all:
            return "all scale sets"
        return ", ".join([*(f"{group}/*" for group in sorted(self.groups)), *sorted(self.keys)])


EVERYTHING = FeedScope()


def origin_of(text: str) -> str:
    """The origin as browsers write it in `Origin`: in lower case, without the usual port. Raises ValueError for any other text."""
    parts = urlsplit(text.strip().lower().removesuffix("/"))
    rest = parts.path or parts.query or parts.fragment or "@" in parts.netloc
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    if parts.scheme not in _USUAL_PORTS or rest or not _HOST.fullmatch(name):
        raise ValueError(f"an origin is written https://example.com or http://example.com:8080, not {text[:80]!r}")
    port = "" if parts.port in (None, _USUAL_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{name}{port}"
