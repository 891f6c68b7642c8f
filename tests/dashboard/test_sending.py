"""How a text gets to a websocket: as one frame, at once as far as the socket takes it, and in order."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet import tcp
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactor
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from dashboard import channel
from dashboard.websocket_frames import FRAMED, Framed

SMALL_BUFFER = 4096


@pytest.fixture
def ends() -> Iterator[tuple[Any, MemoryReactor, socket.socket]]:
    """(Twisted's transport of a real socket, what asks it to write, the socket's other end)."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        reactor = MemoryReactor()
        yield tcp.Server(ours, Protocol(), ("", 0), None, 1, reactor), reactor, theirs


def _received(end: socket.socket) -> bytes:
    try:
        return end.recv(1_000_000)
    except BlockingIOError:
        return b""


@pytest.mark.parametrize("size", [0, 1, 125, 126, 0xFFFF, 0x10000, 1_000_000])
def test_a_reader_of_frames_gets_the_text(size: int) -> None:
    text = "å" * (size // 2) + "x" * (size % 2)
    reader = StreamReader()
    reader.feed_data(FRAMED.of(text))
    reader.feed_eof()
    parsing = Frame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as end:
        next(parsing)
    frame = end.value.value
    assert (frame.opcode, frame.fin, bytes(frame.data).decode()) == (Opcode.TEXT, True, text)
    assert not reader.buffer


def test_an_empty_text_has_a_frame_though_it_is_the_first() -> None:
    assert Framed().of("") == b"\x81\x00"


def test_a_text_for_many_is_framed_once() -> None:
    text = "x" * 1000
    assert FRAMED.of(text) is FRAMED.of(text)
    assert FRAMED.of("y") != FRAMED.of("z")


def test_data_goes_out_without_waiting_for_the_loop(ends: Any) -> None:
    transport, reactor, theirs = ends
    channel.write_now(transport, b"at once")
    assert _received(theirs) == b"at once"
    assert not reactor.writers


def test_data_that_does_not_fit_follows_in_order(ends: Any) -> None:
    transport, reactor, theirs = ends
    parts = [bytes([number]) * 20_000 for number in range(10)]
    for part in parts:
        channel.write_now(transport, part)
    assert reactor.writers == {transport}
    got = b""
    while more := _received(theirs):
        got += more
        transport.doWrite()
    assert got == b"".join(parts)


def test_a_lost_connection_is_left_to_twisted(ends: Any) -> None:
    transport, reactor, theirs = ends
    theirs.close()
    channel.write_now(transport, b"to nobody")
    assert reactor.writers == {transport}
