"""Asks our own server, and the simulator, what an operator would ask."""

import asyncio
import json
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from upgrades.providers.base import ProviderError
from upgrades.providers.simulated.control import read_control

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
ASK_SECONDS = 4.0
NEEDED = ("database", "broker")
WORKER = "worker"


def reachable(host: str) -> str:
    """An address to connect to for what listens at `host`."""
    return WILDCARDS.get(host, host)


def _own_certificate() -> ssl.SSLContext:
    """We ask ourselves, whatever the name in the certificate is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def missing(host: str, port: int, *, tls: bool) -> list[str]:
    """What is not ready yet, by name; empty when all is: the server can serve, and a worker works."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            _, body = await _get(reachable(host), port, "/readyz", _own_certificate() if tls else None)
        said = json.loads(body)
        away = [name for name in NEEDED if not said[name]]
        return [*away, WORKER] if WORKER in said["engine"]["away"] else away
    except (OSError, TimeoutError, ValueError, LookupError, TypeError):
        return ["web server"]


async def answers(host: str, port: int, tls: bool, seconds: float) -> bool:
    """Whether the server answers within that time, through its loop and one of its threads; whatever it says."""
    return await _is_answered(reachable(host), port, "/healthz", _own_certificate() if tls else None, seconds)


async def simulator_answers(home: Path, seconds: float) -> bool:
    """Whether the simulator answers within that time."""
    try:
        where = urlsplit(read_control(home).url)
    except ProviderError:
        return False
    return await _is_answered(str(where.hostname), where.port or 0, "/alive", None, seconds)


async def _is_answered(host: str, port: int, path: str, context: ssl.SSLContext | None, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await _get(host, port, path, context)
    except (OSError, TimeoutError, ValueError, LookupError):
        return False
    return True


async def _get(host: str, port: int, path: str, context: ssl.SSLContext | None) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        answer = await reader.read()
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(None, 2)[1]), body
