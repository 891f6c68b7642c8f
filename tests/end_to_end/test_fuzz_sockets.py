"""The fuzz over real sockets: the same requests as bytes, many of them broken, to a server that must answer or close, and live on."""

import os
from random import Random

import pytest

from tests.end_to_end.installation import Installation
from tests.end_to_end.wire import line
from tests.fuzz.asking import Ask
from tests.fuzz.making import Guest, requests

SAMPLE = int(os.environ.get("ROLLGRID_FUZZ", "800")) // 10
SEED = int(os.environ.get("ROLLGRID_SEED", "11"))
QUIET_SECONDS = 2
NOBODY = Guest(b"csrftoken=" + b"a" * 32, "a" * 32, b"Bearer a.b.c", "0", "common")

pytestmark = [pytest.mark.end_to_end, pytest.mark.django_db, pytest.mark.timeout(1800)]


def as_bytes(ask: Ask, random: Random) -> bytes:
    """As a socket carries it; one in four with some bytes changed, doubled or left out."""
    headers = [
        (b"host", b"127.0.0.1"),
        (b"content-length", str(len(ask.body)).encode()),
        (b"connection", b"close"),
        *ask.headers,
    ]
    if random.random() < 0.1:
        headers += [
            (b"upgrade", b"websocket"),
            (b"sec-websocket-key", b"AAAAAAAAAAAAAAAAAAAAAA=="),
            (b"sec-websocket-version", b"13"),
        ]
    lines = [
        f"{ask.method} {ask.target} HTTP/1.1".encode("latin1", "replace"),
        *(name + b": " + value for name, value in headers),
    ]
    return _broken(b"\r\n".join(lines), random) + b"\r\n\r\n" + ask.body


def _broken(head: bytes, random: Random) -> bytes:
    if random.random() > 0.25:
        return head
    at, what = random.randrange(len(head)), random.randrange(4)
    middle = (b"", head[at : at + 1] * 50, bytes([random.randrange(256)]), b"\r\n")[what]
    return head[:at] + middle + head[at + 1 :]


def answer(up: Installation, request: bytes) -> bytes:
    """All that comes. Where a break made the server wait for more, or kept the line open, we go away after a while."""
    with line(up) as connection:
        connection.socket.settimeout(QUIET_SECONDS)
        try:
            return connection.send(request).until_closed()
        except TimeoutError:
            return connection.came


def test_no_bytes_make_the_server_fail(up: Installation) -> None:
    random, failed = Random(SEED), []
    for number, ask in enumerate(requests(SEED, SAMPLE, NOBODY)):
        request = as_bytes(ask, random)
        came = answer(up, request)
        if came.partition(b" ")[2].startswith(b"5"):
            failed.append((number, request[:500], came[:300]))
    assert failed == []
    assert up.ask("/healthz")[0] == 200
    assert "Traceback" not in up.said()
