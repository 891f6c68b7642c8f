"""Finds what a scale set's document refers to outside of itself (S-26): addresses, secrets in vaults, other resources.

"Make sure that the resources that the model refers to are available and kept up to date, for example SAS URIs, payloads in storage
accounts, references to secrets."
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from upgrades.core.masking import SECRET_FIELDS

# Fields whose text may be a script in base64.
ENCODED = frozenset({"customdata", "userdata", "script"})
_WORD = re.compile(r"[^\s\"'<>|\\^`{}]+")
_PART = re.compile(r"([;)?#])|(?=https?://)", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_AFTER = ".,)]"  # characters after an address or a time that belong to the sentence or list around it
_SIGNATURE = re.compile(r"(?<![a-z0-9])sig=", re.IGNORECASE)
_EXPIRY = re.compile(r"(?<![a-z0-9])se=([^&]*)", re.IGNORECASE)
# The "&" between parameters, as shells, XML and JSON write it.
_AND = re.compile(r"\\u0026|\^&|`&|&amp;", re.IGNORECASE)
_RESOURCE = re.compile(r"/subscriptions/[^/\s]+/resourcegroups/[^/\s]+/providers/\S+", re.IGNORECASE)
_VAULT = re.compile(r"[^/]*\.vault\.[^/]*", re.IGNORECASE)
_STORAGE = re.compile(r"[^/]*\.(?:blob|file|table|queue|dfs)\.[^/]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference. `place`: where it is in the document. `shown`: the target, without query, password and signature.

    Of an address in a secret field, only the host is shown: its path can be a key. `expires_at`: when its shared access signature expires,
    in UTC; None where that is not known. `url`: the whole address, with its secrets, for calling it; "" where there is none.
    """

    place: str
    kind: str
    shown: str
    is_signed: bool = False
    expires_at: datetime | None = None
    url: str = field(default="", repr=False)


def references(document: Mapping[str, Any]) -> list[Reference]:
    """All references, in the order of the document. Secret fields are searched too, if the document has them."""
    return list(_in_value(document, "", "", False))


def _in_value(value: Any, place: str, name: str, is_secret: bool) -> Iterator[Reference]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            inner_place = f"{place}.{key}" if place else str(key)
            yield from _in_value(inner, inner_place, key.lower(), is_secret or key.lower() in SECRET_FIELDS)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _in_value(inner, f"{place}[{index}]", name, is_secret)
    elif isinstance(value, str):
        yield from _in_text(value, place, is_secret)
        if name in ENCODED and (script := _decoded(value)):
            yield from _in_text(script, place, is_secret)


def _decoded(value: str) -> str:
    """Decode base64; "" where `value` is not the base64 of a text."""
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _in_text(value: str, place: str, is_secret: bool) -> Iterator[Reference]:
    if _RESOURCE.fullmatch(value):
        yield Reference(place, "resource", value)
    plain = unquote(value) if "sig%3d" in value.lower() else value
    for word in _WORD.finditer(_AND.sub("&", plain)):
        yield from _in_word(word.group(), place, is_secret)


def _in_word(word: str, place: str, is_secret: bool) -> Iterator[Reference]:
    """The references in a word (text without blanks and quotes): addresses with their queries, and signatures that stand alone."""
    address, previous = "", ""
    for part in filter(None, _PART.split(word)):
        is_its_query, previous = previous == "?", part
        if _SIGNATURE.search(part):
            if address and not is_its_query:
                yield _address_reference(address, place, is_secret)
            yield _signed_reference(part, address if is_its_query else "", place, is_secret)
            address = ""
        elif _ADDRESS.match(part):
            if address:
                yield _address_reference(address, place, is_secret)
            address = part
    if address:
        yield _address_reference(address, place, is_secret)


def _signed_reference(query: str, address: str, place: str, is_secret: bool) -> Reference:
    """The reference with a shared access signature in `query`. `address`: the address before it, "" for none."""
    expiry = _EXPIRY.search(query)
    expires_at = _expiry_time(unquote(expiry[1]).rstrip(_AFTER)) if expiry else None
    if not address:
        return Reference(place, "SAS token", "a SAS token", True, expires_at)
    shown, url = _address_reference(address, place, is_secret).shown, f"{address}?{query.rstrip(_AFTER)}"
    return Reference(place, "SAS URI", shown, True, expires_at, url)


def _address_reference(address: str, place: str, is_secret: bool) -> Reference:
    try:
        parts = urlsplit(address.rstrip(_AFTER))
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return Reference(place, "address", "an address that cannot be read")
    path = "/..." if is_secret and parts.path.strip("/") else parts.path
    shown = f"{parts.scheme}://{host}{f':{port}' if port else ''}{path}"
    return Reference(place, _address_kind(host), shown, url=address.rstrip(_AFTER))


def _address_kind(host: str) -> str:
    if _VAULT.fullmatch(host):
        return "secret"
    return "storage" if _STORAGE.fullmatch(host) else "address"


def _expiry_time(given: str) -> datetime | None:
    """The time that a signature gives: ISO 8601, or seconds since 1970 for queues and hubs; None where it cannot be read."""
    try:
        if given.isascii() and given.isdecimal():
            return datetime.fromtimestamp(int(given), UTC)
        moment = datetime.fromisoformat(given)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None
