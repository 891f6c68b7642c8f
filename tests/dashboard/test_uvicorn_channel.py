"""What our protocols for uvicorn do otherwise than its own: no client that does not read is waited for, nothing outlives its connection."""

import asyncio
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from dashboard import consumers, event_stream
from dashboard.websocket_frames import FRAMED
from tests.dashboard.under_uvicorn import Client, protocols
from tests.end_to_end.wire import head

HANDSHAKE = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
)
START = {"type": "http.response.start", "status": 200, "headers": []}


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client()
    yield client
    client.transport.loseConnection()


def frame(kind: int, payload: bytes) -> bytes:
    """As clients send them: masked, here with zeros."""
    return bytes([0x80 | kind, 0x80 | len(payload)]) + bytes(4) + payload


def sends(sender: Any, *messages: dict[str, Any]) -> None:
    """All of it at once: whatever would wait fails."""
    for message in messages:
        with pytest.raises(StopIteration):
            sender.send(message).send(None)


# --- requests ---------------------------------------------------------------------------------------------------------


def test_an_application_hears_of_a_request_when_all_of_it_has_come(client: Client) -> None:
    client.says(head("POST", "/login/", "Content-Length: 3") + b"a=")
    assert client.server.requests == []
    client.says(b"b")
    assert len(client.server.requests) == 1
    assert (bytes(client.channel.cycle.body), client.channel.cycle.more_body) == (b"a=b", False)


def test_an_answer_to_http_1_0_has_no_chunks(client: Client) -> None:
    client.says(b"GET /healthz HTTP/1.0\r\n\r\n")
    bodies = ({"type": "http.response.body", "body": text, "more_body": text == b"a"} for text in (b"a", b"live"))
    sends(client.channel.cycle, START, *bodies)
    assert client.heard.endswith(b"connection: close\r\n\r\nalive")
    assert b"chunked" not in client.heard
    assert not client.transport.connected


def test_all_requests_of_a_connection_hear_that_it_is_lost(client: Client) -> None:
    """uvicorn tells only the last: a stream with a request behind it would go on for ever."""
    client.says(head("GET", "/feed/events"))
    stream = client.channel.cycle
    client.says(head("GET", "/healthz"))
    client.transport.loseConnection()
    assert stream.disconnected
    assert asyncio.run(stream.receive()) == {"type": "http.disconnect"}


def test_trailers_are_no_headers(client: Client) -> None:
    client.says(head("POST", "/login/", "Transfer-Encoding: chunked", "X_Forwarded_For: 1"))
    client.says(b"1\r\na\r\n0\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n")
    assert [name for name, _ in client.channel.scope["headers"]] == [b"host", b"transfer-encoding"]
    assert len(client.server.requests) == 1


def test_a_stream_ends_when_the_server_stops(client: Client) -> None:
    client.says(head("GET", "/feed/events"))
    sends(client.channel.cycle, START, {"type": "http.response.body", "body": b"x", "more_body": True})
    client.channel.shutdown()
    assert client.channel.cycle.disconnected
    assert not client.transport.connected


def test_a_stream_is_told_whether_its_client_reads(client: Client) -> None:
    client.says(head("GET", "/feed/events"))
    flow = client.channel.scope["extensions"][event_stream.FLOW]
    assert not flow.is_stuck
    client.channel.pause_writing()
    assert flow.is_stuck
    client.channel.resume_writing()
    asyncio.run(asyncio.wait_for(flow.wait(), 5))
    flow.cut()
    assert client.transport.is_cut


# --- websockets -------------------------------------------------------------------------------------------------------


@pytest.fixture
def opened(client: Client) -> Client:
    """A client whose socket has been accepted."""
    asyncio.set_event_loop(client.server)  # uvicorn asks for it
    client.says(head("GET", "/ws/feed/", *HANDSHAKE))
    asyncio.set_event_loop(None)
    sends(client.transport.protocol, {"type": "websocket.accept"})
    assert client.heard.startswith(b"HTTP/1.1 101 ")
    return client


def test_a_text_goes_out_though_the_client_does_not_read(opened: Client) -> None:
    opened.transport.protocol.pause_writing()
    before = opened.heard
    opened.transport.protocol.scope["extensions"][consumers.WRITE]("hej")
    assert opened.heard == before + FRAMED.of("hej")
    sends(opened.transport.protocol, {"type": "websocket.send", "text": "hej", "bytes": None})
    assert opened.heard == before + 2 * FRAMED.of("hej")


def test_a_socket_that_was_closed_sends_nothing_more_and_is_cut_in_time(opened: Client) -> None:
    closing = {"type": "websocket.close", "code": 4408}
    sends(opened.transport.protocol, closing)
    said = opened.heard
    assert said.endswith(struct.pack("!BBH", 0x88, 2, 4408))
    sends(opened.transport.protocol, {"type": "websocket.send", "text": "late"}, closing)
    opened.transport.protocol.write("late")
    assert opened.heard == said
    opened.clock.advance(protocols().CLOSE_SECONDS)
    assert opened.transport.is_cut


def test_a_client_that_answers_the_close_is_not_waited_for(opened: Client) -> None:
    sends(opened.transport.protocol, {"type": "websocket.close", "code": 4401})
    opened.says(frame(8, struct.pack("!H", 4401)))
    assert (opened.transport.connected, opened.transport.is_cut) == (False, False)


def test_bytes_that_are_no_text_are_refused_with_the_reason(opened: Client) -> None:
    opened.says(frame(1, b"\xff\xff"))
    assert struct.pack("!H", 1007) in opened.heard
    assert opened.transport.is_half_closed
    opened.says(frame(1, b"more"))
    opened.clock.advance(protocols().CLOSE_SECONDS)
    assert opened.transport.is_cut


def test_a_client_that_sends_faster_than_it_is_heard_is_read_more_slowly(opened: Client) -> None:
    socket = opened.transport.protocol
    opened.says(frame(1, b"{}") * 100)
    assert not opened.transport.reads

    async def hear() -> None:
        while not socket.queue.empty():
            await socket.receive()

    asyncio.run(hear())
    assert opened.transport.reads


def test_an_application_may_hear_texts_before_they_are_messages(opened: Client) -> None:
    socket, heard = opened.transport.protocol, list[str]()

    def hears(text: str) -> bool:
        heard.append(text)
        return text == "for me"

    asyncio.run(socket.receive())  # that it connects
    socket.scope["extensions"][consumers.HEAR](hears)
    opened.says(frame(1, b"for me") + frame(1, b"for the application"))
    assert heard == ["for me", "for the application"]
    assert asyncio.run(socket.receive())["text"] == "for the application"
    assert socket.queue.empty()


def test_pings_end_with_the_connection(opened: Client) -> None:
    opened.clock.advance(protocols().PING_SECONDS)
    assert b"\x89\x04" in opened.heard
    opened.clock.advance(protocols().PONG_SECONDS)
    assert struct.pack("!H", 1011) in opened.heard
    assert not opened.transport.connected
