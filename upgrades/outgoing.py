"""Calls of addresses that documents name. An operator lists the hosts that may be called; without that, none is.

A server that calls whatever address its clients name could be made to call what only it can reach (server-side request forgery, SSRF). So
only listed hosts are called, addresses that are not public only where their network is listed too, and redirects are not followed.
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
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class NotAllowed(Exception):
    """The address may not be called; the message says why and which setting would allow it."""


class CallFailed(Exception):
    """The address was called and did not answer; the message says what is wrong, without the address' query."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. `certificate_ends_at`: when the server's certificate ends, in UTC; None over http."""

    status: int
    certificate_ends_at: datetime | None
    content: bytes = b""


def ask(url: str) -> Response:
    """Ask whether the address answers: a GET that reads nothing of the content. Raises NotAllowed, CallFailed.

    Not a HEAD: some storage signs reading alone, and answers 403 to anything else.
    """
    return fetch(url, 0)


def fetch(url: str, max_bytes: int) -> Response:
    """Get the content at this address; 0 bytes: none of it. Raises NotAllowed, and CallFailed, also where it is longer than `max_bytes`."""
    parts = _parts(url)
    _check_host(parts)
    return asyncio.run(_called(url, parts, max_bytes))


def is_listed(url: str) -> bool:
    """Is its host among those that may be called?"""
    try:
        _check_host(_parts(url))
    except NotAllowed:
        return False
    return True


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_address = False
    if not is_address or "@" in parts.netloc:
        raise NotAllowed("only addresses of http and https are called, without a name and password in them")
    return parts


def _check_host(parts: SplitResult) -> None:
    host, port = parts.hostname or "", parts.port or {"http": 80, "https": 443}[parts.scheme]
    for pattern in settings.OUTGOING_HOSTS:
        name, _, of_port = pattern.rpartition(":") if pattern.rpartition(":")[2].isdigit() else (pattern, "", "")
        if fnmatchcase(host.lower(), name.strip("[]").lower()) and of_port in ("", str(port)):
            return
    raise NotAllowed(f"this server does not call {host}: ROLLGRID_OUTGOING_HOSTS does not list it")


def _check_network(address: str) -> None:
    """Refuse an address inside of private networks, unless it is listed."""
    given = ipaddress.ip_address(address.partition("%")[0])
    plain = getattr(given, "ipv4_mapped", None) or given
    is_listed = any(plain.version == network.version and plain in network for network in settings.OUTGOING_NETWORKS)
    if not (plain.is_global and not plain.is_multicast) and not is_listed:
        raise NotAllowed(
            f"this server does not call {plain}, which is not a public address: ROLLGRID_OUTGOING_NETWORKS does not list it"
        )


class _CheckedResolver(AbstractResolver):
    """Resolves names to allowed addresses. What is connected to is what was checked, so that a name cannot change in between."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found: Sequence[tuple[int, int, int, str, tuple[object, ...]]] = await asyncio.get_running_loop().getaddrinfo(
            host, port, family=family, type=socket.SOCK_STREAM
        )
        addresses = [(family, str(address[0])) for family, _, _, _, address in found]
        for _, address in addresses:
            _check_network(address)
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


async def _called(url: str, parts: SplitResult, max_bytes: int) -> Response:
    host = parts.hostname or ""
    if _is_address(host):  # the resolver is asked for names only
        _check_network(host)
    context = ssl.create_default_context(cafile=settings.OUTGOING_CA or None)
    # The file may have a server's own certificate in it, as newer versions of Python allow anyway.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    connector = _Connector(resolver=_CheckedResolver(), ssl=context, force_close=True)
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    # A signature is over the address as it was written: it must not be encoded again.
    target = URL(url, encoded=True)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
        try:
            async with session.get(target, allow_redirects=False) as response:
                content = await _read(response, max_bytes) if max_bytes else b""
                return Response(response.status, connector.certificate_ends_at, content)
        except aiohttp.ClientConnectorCertificateError as error:
            raise CallFailed(f"the certificate of {host} is not valid: {_reason(error)}") from None
        except TimeoutError:
            raise CallFailed(f"{host} does not answer within {SECONDS:.0f} s") from None
        except (aiohttp.ClientConnectorDNSError, socket.gaierror):
            raise CallFailed(f"the name {host} is not known") from None
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
