"""Restores a request's address, scheme, host and sub-path to what they were before the proxies, for Django and Channels.

Only the headers of proxies in `ROLLGRID_TRUSTED_PROXIES` are believed; those of others are dropped. `ROLLGRID_EXTERNAL_URL`, the address
that people use, overrules what proxies say: a proxy may rewrite `Host`, or forget its port.
"""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.environment import External, Network

FORWARDED_PREFIX = b"x-forwarded-"
OTHER_PROXY_HEADERS = frozenset(
    {b"forwarded", b"x-real-ip", b"x-script-name", b"x-original-host", b"x-original-url", b"x-rewrite-url"}
)
USUAL_PORTS = {"http": "80", "https": "443"}

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Client:
    """From where, and how, the client made the request."""

    address: str
    scheme: str
    host: str


class RestoredRequests:
    """An ASGI application that wraps another one and hands it the restored request."""

    def __init__(self, application: Any, external: External | None, trusted: Sequence[Network]) -> None:
        self._application = application
        self._external = external
        self._trusted = trusted
        self._prefix = external.path if external else ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] in ("http", "websocket"):
            scope = self._restored(scope)
        await self._application(scope, receive, send)

    def _restored(self, scope: Any) -> dict[str, Any]:
        seen = self._seen(scope)
        headers = [(name, value) for name, value in scope["headers"] if not _is_proxy_header(name) and name != b"host"]
        if seen.host:
            headers.append((b"host", seen.host.encode("latin1")))
        scheme = seen.scheme if scope["type"] == "http" else {"http": "ws", "https": "wss"}[seen.scheme]
        client = [seen.address, scope["client"][1] if scope.get("client") else 0]
        return {
            **scope,
            "headers": headers,
            "client": client,
            "scheme": scheme,
            "path": self._prefix + self._inner(scope["path"]),
            # Whether any proxy had it, believed or not: dashboard/metrics/access.py asks.
            "was_forwarded": any(_is_proxy_header(name) or name == b"via" for name, _ in scope["headers"]),
            "root_path": self._prefix,  # never the web server's: Daphne takes it from a header, so any client could set it
        }

    def _inner(self, path: str) -> str:
        """The path without the sub-path, which some proxies have taken off already."""
        if self._prefix and (path == self._prefix or path.startswith(f"{self._prefix}/")):
            return path[len(self._prefix) :] or "/"
        return path

    def _seen(self, scope: Any) -> Client:
        peer = str(scope["client"][0]) if scope.get("client") else ""
        host = _last(scope["headers"], b"host")
        scheme = {"ws": "http", "wss": "https"}.get(scope.get("scheme", "http"), scope.get("scheme", "http"))
        if not self._is_trusted(peer):
            return Client(peer, scheme, host)
        came_through_a_proxy = any(_is_proxy_header(name) for name, _ in scope["headers"])
        if self._external and (came_through_a_proxy or self._external.is_asked_for_by(host)):
            return Client(self._client(scope["headers"], peer), self._external.scheme, self._external.host)
        scheme = _one_of(USUAL_PORTS, _last(scope["headers"], b"x-forwarded-proto"), scheme)
        return Client(self._client(scope["headers"], peer), scheme, _host(scope["headers"], host, scheme))

    def _client(self, headers: Headers, peer: str) -> str:
        """The last address in the chain that is not one of our proxies. Addresses before it may have been made up by the client."""
        chain = _all(headers, b"x-forwarded-for") or _all(headers, b"x-real-ip")
        for given in reversed(chain):
            address = _address(given)
            if address is None:
                break
            peer = address
            if not self._is_trusted(address):
                break
        return peer

    def _is_trusted(self, address: str) -> bool:
        found = _ip(address)
        return found is not None and any(found in network for network in self._trusted)


def _is_proxy_header(name: bytes) -> bool:
    return name.startswith(FORWARDED_PREFIX) or name in OTHER_PROXY_HEADERS


def _all(headers: Headers, wanted: bytes) -> list[str]:
    given = ",".join(value.decode("latin1") for name, value in headers if name == wanted)
    return [word.strip() for word in given.split(",") if word.strip()]


def _last(headers: Headers, wanted: bytes) -> str:
    return (_all(headers, wanted) or [""])[-1]


def _one_of(known: Iterable[str], given: str, otherwise: str) -> str:
    return given.lower() if given.lower() in known else otherwise


def _host(headers: Headers, host: str, scheme: str) -> str:
    """The host as the browser sent it: with its port, unless that is the scheme's usual one."""
    host = _last(headers, b"x-forwarded-host") or host
    port = _last(headers, b"x-forwarded-port")
    if port.isdecimal() and not host.rpartition("]")[2].count(":"):
        host = f"{host}:{port}"
    return host.removesuffix(f":{USUAL_PORTS[scheme]}")


def _address(given: str) -> str | None:
    """The address in "192.0.2.1", "192.0.2.1:4711", "2001:db8::1" or "[2001:db8::1]:4711"; None for anything else."""
    if given.startswith("["):
        given = given[1:].partition("]")[0]
    elif given.count(":") == 1:
        given = given.partition(":")[0]
    found = _ip(given)
    return str(found) if found else None


def _ip(given: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(given.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found
