"""Asks our own server what an operator would ask: /readyz."""

import asyncio
import json
import ssl

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
ASK_SECONDS = 4.0


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
    """What is not ready yet, by name; empty when all is."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            status, body = await _get(reachable(host), port, _own_certificate() if tls else None)
        answers = json.loads(body)
    except (OSError, TimeoutError, ValueError, IndexError):
        return ["web server"]
    return [] if status == 200 else [name for name, good in answers.items() if not good]


async def _get(host: str, port: int, context: ssl.SSLContext | None) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        writer.write(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        answer = await reader.read()
    finally:
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(None, 2)[1]), body
