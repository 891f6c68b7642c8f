"""Calls of addresses that documents name: templates, files of extensions. An operator lists the hosts that may be called.

A server that calls whatever address its clients name could be made to call what only it can reach (server-side request forgery, SSRF). So
nothing is called that is not listed. `raw.githubusercontent.com` and `*.blob.core.windows.net` allow https to such names, where their
addresses are public. An origin such as `http://10.0.0.5:8080` allows that one, wherever it is: an operator who writes it means it.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import SplitResult, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from django.conf import settings
from yarl import URL

SECONDS = 10.0  # for one call, with the connection
CHUNK_BYTES = 65_536
PORTS = {"https": 443, "http": 80}


class NotAllowed(Exception):
    """The address may not be called; the message says why."""


class CallFailed(Exception):
    """The address was called and did not answer; the message says what is wrong, without the address' query."""


@dataclass(frozen=True, slots=True)
class AllowList:
    """Hosts that may be called. `setting`: where an operator lists them; `entries`: names or patterns of hosts, and origins."""

    setting: str
    entries: Sequence[str]

    def has(self, url: str) -> bool:
        """Is its host listed? Whether its addresses are public is seen at the call."""
        try:
            self.check(_parts(url))
        except NotAllowed:
            return False
        return True

    def check(self, parts: SplitResult) -> bool:
        """Raises NotAllowed where the host is not listed. Returns whether it may have any address, also one that is not public."""
        host, port = (parts.hostname or "").lower(), parts.port or PORTS[parts.scheme]
        origins = [urlsplit(entry) for entry in self.entries if "://" in entry]
        for origin in origins:
            same_port = port == (origin.port or PORTS.get(origin.scheme))
            if origin.scheme == parts.scheme and same_port and fnmatchcase(host, origin.hostname or ""):
                return True
        names = [entry.strip("[]").lower() for entry in self.entries if "://" not in entry]
        if (parts.scheme, port) == ("https", PORTS["https"]) and any(fnmatchcase(host, name) for name in names):
            return False
        listed = ", ".join(self.entries) or "none"
        raise NotAllowed(f"its host is not allowed; an administrator allows hosts by {self.setting} (now: {listed})")


def of_models() -> AllowList:
    """The hosts of files that extensions fetch, and of whatever else a scale set's model refers to."""
    return AllowList("ROLLGRID_OUTGOING_HOSTS", settings.OUTGOING_HOSTS)


def of_templates() -> AllowList:
    return AllowList("ROLLGRID_TEMPLATE_HOSTS", settings.TEMPLATE_HOSTS)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. `certificate_ends_at`: when the server's certificate ends, in UTC; None over http. `location`: where it redirects to."""

    status: int
    certificate_ends_at: datetime | None
    content: bytes = b""
    location: str = ""


def fetch(url: str, allowed: AllowList, max_bytes: int = 0, seconds: float = SECONDS) -> Response:
    """Get the content at this address; 0 bytes: only ask whether it answers. Redirects are not followed.

    Raises NotAllowed, and CallFailed, also where it is longer than `max_bytes`. It is never a HEAD: some storage signs reading alone, and
    answers 403 to anything else.
    """
    parts = _parts(url)
    may_be_private = allowed.check(parts)
    return asyncio.run(_called(url, parts.hostname or "", may_be_private, max_bytes, seconds))


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_address = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        raise NotAllowed("it is no address") from None
    if parts.scheme not in PORTS or not is_address or "@" in parts.netloc:
        raise NotAllowed("it must be an https address without a user")
    return parts


def _check_public(address: str) -> None:
    given = ipaddress.ip_address(address.partition("%")[0])
    plain = getattr(given, "ipv4_mapped", None) or given
    if not plain.is_global or plain.is_multicast:
        raise NotAllowed(f"its host has a private or local address, {plain}; the whole origin would have to be listed")


class _CheckedResolver(AbstractResolver):
    """Resolves names to public addresses. What is connected to is what was checked, so that a name cannot change in between."""

    def __init__(self, may_be_private: bool) -> None:
        self._may_be_private = may_be_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found: Sequence[tuple[int, int, int, str, tuple[object, ...]]] = await asyncio.get_running_loop().getaddrinfo(
            host, port, family=family, type=socket.SOCK_STREAM
        )
        addresses = [(family, str(address[0])) for family, _, _, _, address in found]
        if not self._may_be_private:
            for _, address in addresses:
                _check_public(address)
        flags = socket.AI_NUMERICHOST
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=flags)
            for family, address in addresses
        ]

    async def close(self) -> None:
        return None


class _Connector(aiohttp.TCPConnector):
    """Notes when the certificate of the server ends. Once an answer has been read, it has no connection any more to ask."""

    certificate_ends_at: datetime | None = None

    async def connect(self, *args: Any, **options: Any) -> aiohttp.connector.Connection:
        connection = await super().connect(*args, **options)
        certificate = connection.transport.get_extra_info("peercert") if connection.transport else None
        if certificate and "notAfter" in certificate:
            self.certificate_ends_at = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
        return connection


async def _called(url: str, host: str, may_be_private: bool, max_bytes: int, seconds: float) -> Response:
    if _is_address(host) and not may_be_private:  # the resolver is asked for names only
        _check_public(host)
    context = ssl.create_default_context(cafile=settings.OUTGOING_CA or None)
    # The file may have a server's own certificate in it, as newer versions of Python allow anyway.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    connector = _Connector(resolver=_CheckedResolver(may_be_private), ssl=context, force_close=True)
    timeout = aiohttp.ClientTimeout(total=seconds)
    # A signature is over the address as it was written: it must not be encoded again.
    target = URL(url, encoded=True)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, trust_env=False, headers={"Accept-Encoding": "identity"}
    ) as session:
        try:
            async with session.get(target, allow_redirects=False) as response:
                content = await _read(response, max_bytes) if max_bytes else b""
                location = response.headers.get("Location", "")
                return Response(response.status, connector.certificate_ends_at, content, location)
        except aiohttp.ClientConnectorCertificateError as error:
            raise CallFailed(f"the certificate of {host} is not valid: {_reason(error)}") from None
        except TimeoutError:
            raise CallFailed(f"{host} does not answer within {seconds:.0f} s") from None
        except (aiohttp.ClientConnectorDNSError, socket.gaierror):
            raise CallFailed("its host is not known") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CallFailed(f"{host} cannot be reached: {_reason(error)}") from None


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        content += chunk
        if len(content) > max_bytes:
            raise CallFailed(f"it has more than {max_bytes} bytes")
    return bytes(content)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _reason(error: BaseException) -> str:
    """What went wrong, without any address: messages of the library repeat it with its query, which may be a secret."""
    own = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    said = getattr(own, "verify_message", "") or getattr(own, "strerror", "") or type(own).__name__
    return str(said)
