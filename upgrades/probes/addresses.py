"""Where a target is: socket addresses of literal IPs without any look-up, of names through the system's resolver."""

import asyncio
import socket
from typing import NamedTuple
from urllib.parse import quote


class Address(NamedTuple):
    """What `socket.socket(family)` and `connect(sockaddr)` want."""

    family: int
    sockaddr: tuple[str | int | bytes, ...]


def literal(host: str, port: int) -> tuple[Address, ...]:
    """The address of a literal IPv4 or IPv6 host (with its scope, where it has one); () where the host is a name."""
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        )
    except (OSError, ValueError):  # ValueError: a name that no address could be ("", one with a NUL, a label too long)
        return ()
    return tuple(Address(family, sockaddr) for family, _, _, _, sockaddr in found)


async def resolve(host: str, port: int) -> tuple[Address, ...]:
    """All addresses of a name in the resolver's order. Raises OSError where it has none.

    It runs in the loop's threads, because the system's resolver blocks.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except ValueError as error:
        raise OSError(f"{host!r} cannot be a host name") from error
    return tuple(Address(family, sockaddr) for family, _, _, _, sockaddr in found)


def request(host: str, port: int, path: str) -> bytes:
    """The GET of an HTTP probe. What HTTP does not allow in a path (spaces, line ends) is sent percent-encoded."""
    name = quote(host.partition("%")[0], safe=":")
    authority = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    asked = quote(path if path.startswith("/") else f"/{path}", safe="/?&=%:;@!$'()*+,~")
    return (
        f"GET {asked} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: Rollgrid\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    ).encode("ascii")
