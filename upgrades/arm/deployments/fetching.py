"""Fetches templates and files of parameters from the servers that an administrator allows (upgrades/outgoing.py), and from no others."""

import time
from urllib.parse import urljoin, urlsplit

from upgrades import outgoing
from upgrades.arm.errors import ArmError

MAX_BYTES = 4_000_000  # Azure's limit of a template
MAX_SECONDS, MAX_REDIRECTS = 5.0, 3
REDIRECTS = (301, 302, 303, 307, 308)


def shown(url: str) -> str:
    """An address without what may be secret in it: the query, which may be a signature, and a password."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return (
            f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"[:300]
            if host
            else url[:300].partition("?")[0]
        )
    except ValueError:
        return "an address that cannot be read"


def fetched(url: str, place: str) -> str:
    """The text at this address. Raises ArmError: the host is not allowed, cannot be reached, or answers something else."""
    until = time.monotonic() + MAX_SECONDS
    for _ in range(MAX_REDIRECTS + 1):
        try:
            response = outgoing.fetch(url, outgoing.of_templates(), MAX_BYTES, max(0.1, until - time.monotonic()))
        except (outgoing.NotAllowed, outgoing.CallFailed) as error:
            raise _failure(url, place, str(error)) from None
        if response.status not in REDIRECTS:
            return _text(response.status, response.content, url, place)
        url = urljoin(url, response.location)
    raise _failure(url, place, f"it is redirected more than {MAX_REDIRECTS} times")


def _failure(url: str, place: str, why: str) -> ArmError:
    message = f"Unable to download '{shown(url)}': {why[:300]}."
    return ArmError("InvalidContentLink", message, target=place)


def _text(status: int, content: bytes, url: str, place: str) -> str:
    if status != 200:
        raise _failure(url, place, f"its server answers {status}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _failure(url, place, "it is not UTF-8 text") from None
