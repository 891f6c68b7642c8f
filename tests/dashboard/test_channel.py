"""Slow clients: each head and each body has a deadline that no single byte moves, under both web servers. Twisted's own clock for tests;
sockets are in tests/end_to_end/test_bodies.py."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection

from dashboard import channel, limits
from tests.dashboard import under_uvicorn
from tests.end_to_end.wire import head

TOKEN = "/organizations/oauth2/v2.0/token"


class Transport(StringTransportWithDisconnection):  # type: ignore[misc]
    """With an end in one direction, as TCP has it."""

    is_half_closed = False
    is_cut = False

    def loseWriteConnection(self) -> None:
        self.is_half_closed = True

    def abortConnection(self) -> None:
        self.is_cut = True
        self.loseConnection()


class Daphne:
    """What Daphne's requests tell their server."""

    def __init__(self) -> None:
        self.requests: list[Any] = []

    def protocol_connected(self, request: Any) -> None:
        self.requests.append(request)

    def protocol_disconnected(self, request: Any) -> None:
        self.requests.remove(request)


class Client:
    def __init__(self) -> None:
        self.clock, self.server, self.transport = Clock(), Daphne(), Transport()
        factory = channel.Factory.__new__(channel.Factory)  # without a reactor: the clock is in its place
        factory.server, factory.reactor = self.server, self.clock
        self.channel = factory.buildProtocol(None)
        self.transport.protocol = self.channel
        self.channel.makeConnection(self.transport)

    def says(self, data: bytes) -> None:
        self.channel.dataReceived(data)

    def drips(self, data: bytes, seconds: float) -> None:
        """Byte by byte, as those do who want to keep a server busy."""
        for byte in data:
            if self.transport.connected:
                self.says(bytes([byte]))
                self.clock.advance(seconds)

    @property
    def heard(self) -> bytes:
        return bytes(self.transport.value())


CLIENTS = {"daphne": Client, "uvicorn": under_uvicorn.Client}


@pytest.fixture(params=CLIENTS)
def connect(request: pytest.FixtureRequest) -> Any:
    """Makes a client that has connected, under this web server."""
    return CLIENTS[request.param]


@pytest.fixture
def client(connect: Any) -> Iterator[Any]:
    client = connect()
    yield client
    client.transport.loseConnection()


def test_a_silent_client_is_dropped(client: Any) -> None:
    client.clock.advance(limits.HEAD_SECONDS - 1)
    assert client.transport.connected
    client.clock.advance(1)
    assert not client.transport.connected
    assert client.heard == b""


def test_a_head_that_drips_has_its_deadline_all_the_same(client: Any) -> None:
    client.drips(head("GET", "/", "X: " + "y" * 100), 0.5)
    assert client.heard.startswith(b"HTTP/1.1 408 ")
    assert client.transport.is_half_closed
    client.clock.advance(limits.LINGER_SECONDS)
    assert client.transport.is_cut
    assert client.server.requests == []


def test_a_body_that_drips_has_its_deadline_all_the_same(client: Any) -> None:
    client.says(head("POST", TOKEN, "Content-Length: 1000"))
    client.drips(b"a" * 1000, limits.BODY_SECONDS / 100)
    assert client.heard.startswith(b"HTTP/1.1 408 ")
    assert b'{"error": "invalid_request", "error_description": "AADSTS900144: ' in client.heard
    client.clock.advance(limits.LINGER_SECONDS)
    assert client.transport.is_cut
    assert limits.BUFFERED.bytes == 0


def test_chunks_that_drip_are_no_way_around(client: Any) -> None:
    client.says(head("POST", TOKEN, "Transfer-Encoding: chunked"))
    client.drips(b"1\r\na\r\n" * 200, limits.BODY_SECONDS / 1000)
    assert client.heard.startswith(b"HTTP/1.1 408 ")


def test_a_client_that_sends_on_after_a_refusal_is_cut_off(client: Any) -> None:
    client.says(head("POST", TOKEN, f"Content-Length: {limits.MAX_SIGN_IN + 1}"))
    assert client.heard.startswith(b"HTTP/1.1 413 ")
    client.drips(b"x" * 100, limits.LINGER_SECONDS / 50)
    assert client.transport.is_cut
    assert client.heard.count(b"HTTP/1.1") == 1


def test_bodies_in_memory_are_limited_all_together(connect: Any, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is small enough: too many at once are not."""
    monkeypatch.setattr(limits, "MAX_BUFFERED", 3000)
    client.says(head("POST", TOKEN, "Content-Length: 2000") + b"x" * 1999)
    assert (client.heard, limits.BUFFERED.bytes) == (b"", 1999)
    other = connect()
    other.says(head("POST", TOKEN, "Content-Length: 2000"))
    assert other.heard.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 5\r\n" in other.heard
    client.transport.loseConnection()
    assert limits.BUFFERED.bytes == 0
    last = connect()
    last.says(head("POST", TOKEN, "Content-Length: 2000"))
    assert last.heard == b""
    last.transport.loseConnection()


def test_a_flow_waits_while_the_client_does_not_read() -> None:
    client = Client()
    client.says(head("POST", "/feed/events", "Content-Length: 5"))  # not whole, so that nobody answers it
    (request,) = client.server.requests

    async def story() -> None:
        flow = channel.Flow(request)
        await flow.wait()
        client.channel.pauseProducing()
        waiting = asyncio.create_task(flow.wait())
        await asyncio.sleep(0)
        assert not waiting.done()
        assert flow.is_stuck
        client.channel.resumeProducing()
        await waiting
        flow.end()
        client.channel.pauseProducing()
        await asyncio.wait_for(flow.wait(), 5)
        flow.cut()
        assert client.transport.is_cut

    asyncio.run(story())
