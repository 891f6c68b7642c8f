"""What a scale set's document refers to outside of itself (S-26): addresses, secrets in vaults, other resources.

"Make sure that the resources that the model refers to are available and kept up to date, for example SAS URIs, payloads in storage
accounts, references to secrets."
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from upgrades.core.members import SECRET_MEMBERS

_ADDRESS = re.compile(r"https?://[^\s\"'<>|\\^`{}]+", re.IGNORECASE)
_RESOURCE = re.compile(r"/subscriptions/[^/\s]+/resourcegroups/[^/\s]+/providers/\S+", re.IGNORECASE)
_VAULT = re.compile(r"[^/]*\.vault\.[^/]*", re.IGNORECASE)
_STORAGE = re.compile(r"[^/]*\.(?:blob|file|table|queue|dfs)\.[^/]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reference:
    """`at`: the member that refers. `shown`: what to, without queries, passwords and signatures; of an address in a secret member the
    host only, for paths too can be keys. `expires_at`: of a SAS URI, in UTC.
    """

    at: str
    kind: str
    shown: str
    is_signed: bool = False
    expires_at: datetime | None = None


def references(document: Mapping[str, Any]) -> list[Reference]:
    """All of them, in the order of the document (its secrets included, where they are in it)."""
    return list(_of(document, "", False))


def _of(value: Any, at: str, is_secret: bool) -> Iterator[Reference]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _of(inner, f"{at}.{name}" if at else str(name), is_secret or name.lower() in SECRET_MEMBERS)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _of(inner, f"{at}[{index}]", is_secret)
    elif isinstance(value, str):
        yield from _in_text(value, at, is_secret)


def _in_text(value: str, at: str, is_secret: bool) -> Iterator[Reference]:
    if _RESOURCE.fullmatch(value):
        yield Reference(at, "resource", value)
    for match in _ADDRESS.finditer(value):
        yield _address(match.group(), at, is_secret)


def _address(address: str, at: str, is_secret: bool) -> Reference:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
        given = {name.lower(): values[0] for name, values in parse_qs(parts.query).items()}
    except ValueError:
        return Reference(at, "address", "an address that cannot be read")
    path = "/..." if is_secret and parts.path.strip("/") else parts.path
    shown = f"{parts.scheme}://{host}{f':{port}' if port else ''}{path}"
    is_signed = "sig" in given
    expires_at = _time(given.get("se", "")) if is_signed else None
    return Reference(at, _kind(host, is_signed), shown, is_signed, expires_at)


def _kind(host: str, is_signed: bool) -> str:
    if is_signed:
        return "SAS URI"
    if _VAULT.fullmatch(host):
        return "secret"
    return "storage" if _STORAGE.fullmatch(host) else "address"


def _time(given: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(given)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
