"""Fetches templates and files of parameters from the servers that an administrator allows, and from no others.

`ROLLGRID_TEMPLATE_HOSTS` lists them. A name such as raw.githubusercontent.com allows https to that host, where its addresses are public. An
origin such as http://10.0.0.5:8080 allows that one, wherever it is: an administrator who writes it means it.
"""

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

from django.conf import settings

from upgrades.arm.errors import ArmError

MAX_BYTES = 4_000_000  # Azure's limit of a template
MAX_SECONDS, MAX_REDIRECTS = 5.0, 3
REDIRECTS = (301, 302, 303, 307, 308)
PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class _Address:
    """What may be asked: the host by its name, at this IP address."""

    url: SplitResult
    port: int
    ip: str


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
        address = _allowed(url, place)
        try:
            status, content = _got(address, until)
            if status not in REDIRECTS:
                return _text(status, content, url, place)
        except (OSError, http.client.HTTPException) as error:
            raise _failure(url, place, f"it cannot be reached: {error}") from None
        url = urljoin(url, content.decode("latin-1"))
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


def _allowed(url: str, place: str) -> _Address:
    """Raises ArmError."""
    try:
        parts = urlsplit(url)
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        raise _failure(url, place, "it is no address") from None
    if parts.scheme not in PORTS or not parts.hostname or parts.username is not None:
        raise _failure(url, place, "it must be an https address without a user")
    origin = f"{parts.scheme}://{parts.hostname}:{port}"
    by_origin = origin in {_origin(each) for each in settings.TEMPLATE_HOSTS if "://" in each}
    by_name = parts.hostname in settings.TEMPLATE_HOSTS and parts.scheme == "https" and port == PORTS["https"]
    if not by_origin and not by_name:
        known = ", ".join(settings.TEMPLATE_HOSTS) or "none"
        raise _failure(
            url,
            place,
            f"its host is not allowed; an administrator allows hosts by ROLLGRID_TEMPLATE_HOSTS (now: {known})",
        )
    addresses = _resolved(parts.hostname, port, url, place)
    if not by_origin and not all(ipaddress.ip_address(each).is_global for each in addresses):
        raise _failure(url, place, "its host has a private or local address")
    return _Address(parts, port, addresses[0])


def _origin(written: str) -> str:
    parts = urlsplit(written)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or PORTS.get(parts.scheme, 0)}"


def _resolved(host: str, port: int, url: str, place: str) -> Sequence[str]:
    try:
        found = [str(each[4][0]).partition("%")[0] for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise _failure(url, place, "its host is not known")
    return found


class _Connection(http.client.HTTPConnection):
    """To the IP address that was checked, whatever the name means a moment later."""

    def __init__(self, address: _Address, timeout: float) -> None:
        super().__init__(str(address.url.hostname), address.port, timeout=timeout)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address.ip, self._address.port), self.timeout)
        if self._address.url.scheme == "https":
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self._address.url.hostname)


def _got(address: _Address, until: float) -> tuple[int, bytes]:
    """(status, content); of a redirect where it leads. Raises OSError and HTTPException."""
    connection = _Connection(address, max(0.1, until - time.monotonic()))
    try:
        path = address.url.path or "/"
        target = f"{path}?{address.url.query}" if address.url.query else path
        connection.request("GET", target, headers={"Accept-Encoding": "identity", "Connection": "close"})
        response = connection.getresponse()
        if response.status in REDIRECTS:
            return response.status, (response.getheader("Location") or "").encode("latin-1", "replace")
        return response.status, _read(response, until)
    finally:
        connection.close()


def _read(response: http.client.HTTPResponse, until: float) -> bytes:
    content = bytearray()
    while chunk := response.read1(65_536):
        content += chunk
        if len(content) > MAX_BYTES:
            raise OSError(f"it has more than {MAX_BYTES} bytes")
        if time.monotonic() > until:
            raise OSError(f"it takes more than {MAX_SECONDS:.0f} seconds")
    return bytes(content)
