"""Reads requests for uvicorn, with the limits of dashboard/limits.py, and sends the feed's texts. channel.py does the same for Daphne.

uvicorn itself would start the application before the body has come, has no limit for bodies, and waits with a client that does not read.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from dashboard import consumers, event_stream, limits
from dashboard.limits import BUFFERED
from dashboard.websocket_frames import FRAMED
from upgrades.log_pacing import PacedLogger

# `websockets` reads the head of a handshake again, with limits of its own: a client may name its position in each of many scale sets.
os.environ.update(
    WEBSOCKETS_MAX_LINE_LENGTH=str(2 * limits.MAX_HEAD), WEBSOCKETS_MAX_NUM_HEADERS=str(2 * limits.MAX_HEADERS)
)
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

log = logging.getLogger(__name__)
paced_log = PacedLogger(log)

CLOSE_SECONDS = 3  # for a client to answer that the socket is closed; less than the supervisor's patience
FLUSH_SECONDS = 1  # at the end, for what is still to be sent
MAX_WAITING = 32  # messages of one client that its consumer has not taken yet
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Flow:
    """Tells an application that streams whether its client reads."""

    def __init__(self, channel: "Channel") -> None:
        self._flow = channel.flow
        self._transport = channel.transport

    async def wait(self) -> None:
        """Return when the client has read what was written before, nearly all of it."""
        await self._flow.drain()

    @property
    def is_stuck(self) -> bool:
        """Whether the client has not read what was written before."""
        return bool(self._flow.write_paused)

    def cut(self) -> None:
        """Drop the connection with all that is still to be sent: a client that does not read would keep it open for ever."""
        self._transport.abort()

    def end(self) -> None:
        """Nothing has to be undone."""


def end_with_the_connection(cycle: Any) -> None:
    """Have an answer without a length end with its connection: uvicorn would send it in chunks, which HTTP/1.0 does not know."""
    send = cycle.send

    async def send_as_it_is(message: Any) -> None:
        cycle.expected_content_length = len(message.get("body", b""))
        await send(message)

    cycle.chunked_encoding = False
    cycle.send = send_as_it_is


class Refused(Exception):
    """Ends the parsing of a request that has been refused."""


class Stage(Enum):
    """Where in a request a connection is."""

    IDLE = auto()  # between two requests
    HEAD = auto()
    BODY = auto()


class Channel(HttpToolsProtocol):  # type: ignore[misc]
    """One connection, with a deadline for each head and each body, and an answer for each refusal.

    The application hears of a request when all of it has come.
    """

    prefix = ""
    expect_100_continue: bool

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._stage = Stage.HEAD
        self._head_bytes = self._headers = self._begun = 0
        self._body = bytearray()
        self._unanswered: deque[tuple[Any, int]] = deque()  # uvicorn's cycles with the size of each body, in order
        self._route = limits.route("/")
        self._refusal: limits.Answer | None = None
        self._timer: asyncio.TimerHandle | None = None

    # --- the connection ---

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._limit(limits.HEAD_SECONDS)

    def connection_lost(self, error: Exception | None) -> None:
        self._end_timer()
        self._drop_body()
        for cycle, size in self._unanswered:
            BUFFERED.bytes -= size
            # uvicorn tells only the last of them; a stream before it would go on for ever.
            cycle.disconnected = True
            cycle.message_event.set()
        self._unanswered.clear()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        if self._refusal:
            return
        if self._stage is Stage.IDLE:
            self._begin_head()
        self._begun = 0
        whole_head = self._stage is Stage.HEAD
        super().data_received(data)
        if whole_head and self._stage is Stage.HEAD and self._begun < 2 and not self._refusal:
            self._head_bytes += len(data)
            if self._head_bytes > limits.MAX_HEAD:  # no header of it need have ended yet
                self.refuse(431, f"at most {limits.MAX_HEAD // 1024} KB")

    def handle_websocket_upgrade(self) -> None:
        self._end_timer()
        super().handle_websocket_upgrade()

    def shutdown(self) -> None:
        """End streams, and let other requests that have come whole be answered."""
        super().shutdown()
        for cycle, _ in list(self._unanswered):
            if cycle.response_started:
                cycle.disconnected = True
                cycle.message_event.set()
                self.transport.close()
        self.loop.call_later(FLUSH_SECONDS, self._cut_if_closing)

    def _cut_if_closing(self) -> None:
        if self.transport.is_closing():
            self.transport.abort()

    # --- the parser's calls ---

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun += 1
        self._head_size = self._headers = 0
        if self._stage is not Stage.HEAD:
            self._begin_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._stage is not Stage.HEAD:
            return  # a trailer after a body in chunks
        self._headers += 1
        self._count_head(len(name) + len(value) + len(": \r\n"))
        if self._headers > limits.MAX_HEADERS:
            self._refuse_and_stop(431, f"at most {limits.MAX_HEADERS} headers")
        if b"_" not in name:  # Django could not tell it from the name with a hyphen
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Refuse by the headers alone: no body is read, and no "100 Continue" is sent."""
        self._stage = Stage.BODY
        self._route = limits.route(self.url.decode("latin1"), self.prefix)
        length = next((int(value) for name, value in self.headers if name == b"content-length"), 0)
        self._take(length, length)
        self._limit(limits.BODY_SECONDS)
        if self.expect_100_continue and not self._unanswered:
            self.transport.write(CONTINUE)
        self.expect_100_continue = False

    def on_body(self, body: bytes) -> None:
        self._take(len(self._body) + len(body), len(body))
        self._body += body
        BUFFERED.bytes += len(body)

    def on_message_complete(self) -> None:
        self._end_timer()
        self._stage = Stage.IDLE
        self.scope["extensions"] = {event_stream.FLOW: Flow(self)}
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is before:  # it becomes a websocket
            self._drop_body()
            return
        if self.scope["http_version"] == "1.0":
            end_with_the_connection(self.cycle)
        self._unanswered.append((self.cycle, len(self._body)))
        self.cycle.body, self._body = self._body, bytearray()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._unanswered:
            BUFFERED.bytes -= self._unanswered.popleft()[1]
        super().on_response_complete()
        self._say_refusal()

    # --- limits ---

    def _begin_head(self) -> None:
        self._stage = Stage.HEAD
        self._head_bytes = 0
        self._limit(limits.HEAD_SECONDS)

    def _count_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > limits.MAX_HEAD:
            self._refuse_and_stop(431, f"at most {limits.MAX_HEAD // 1024} KB")

    def _take(self, size: int, more: int) -> None:
        if refusal := self._route.refusal(size, more):
            self._refuse_and_stop(*refusal)

    def _refuse_and_stop(self, status: int, more: str) -> None:
        self.refuse(status, more)
        raise Refused

    def send_400_response(self, message: str) -> None:
        """Refuse what the parser does not understand. uvicorn calls it also where a call of the parser's was ended by a refusal."""
        self.refuse(400)

    def refuse(self, status: int, more: str = "") -> None:
        """Answer after the requests before this one, end the connection, and drop what still comes for LINGER_SECONDS.

        A client that is cut off while it sends never reads the answer.
        """
        if self._refusal:
            return
        self._refusal = limits.answer(self._route.shape, status, more)
        self._end_timer()
        self._drop_body()
        host = self.client[0] if self.client else "?"
        paced_log.warning("a request from %s was refused with %d (%s)", host, status, more or self._route.shape)
        self._say_refusal()

    def _say_refusal(self) -> None:
        if not self._refusal or self._unanswered or self.transport.is_closing():
            return
        self.flow.resume_reading()
        self.transport.write(self._refusal.head() + self._refusal.body)
        self._limit(limits.LINGER_SECONDS)
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _drop_body(self) -> None:
        BUFFERED.bytes -= len(self._body)
        self._body = bytearray()

    # --- deadlines ---

    def _limit(self, seconds: float) -> None:
        self._end_timer()
        self._timer = self.loop.call_later(seconds, self._time_is_up)

    def _end_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _time_is_up(self) -> None:
        """Drop a silent connection, and one whose refusal has had time to be read; answer 408 where a request was too slow."""
        if self._refusal or (self._stage is Stage.HEAD and not (self._head_bytes or self._unanswered)):
            self.transport.abort()
        else:
            self.refuse(408)


class Socket(WebSocketsSansIOProtocol):  # type: ignore[misc]
    """A websocket that never waits for its client: what it does not read is the listener's to bound (listener.py)."""

    frames: list[bytes]
    read_paused: bool
    close_timer: asyncio.TimerHandle | None
    _has_failed = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._hears: Callable[[str], bool] = lambda text: False

    def pause_writing(self) -> None:
        """Go on. uvicorn would make whoever sends wait, and the relay serves all clients in turn."""

    def handle_connect(self, request: Any) -> None:
        super().handle_connect(request)
        if self.response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            self.scope["extensions"] |= {consumers.WRITE: self.write, consumers.HEAR: self._hear_with}

    def _hear_with(self, hears: Callable[[str], bool]) -> None:
        """From now on hand each text to `hears` first, and to the application where that is False."""
        self._hears = hears

    def write(self, text: str) -> None:
        """Send a text, as a frame that is made once for all who get it. To a client that is gone nothing is sent."""
        if not self._is_over():
            self.transport.write(FRAMED.of(text))

    async def send(self, message: Any) -> None:
        """Send a message, by way of ASGI. To a client that is gone nothing is sent."""
        if self._is_over():
            return
        await super().send(message)
        if self.close_timer:
            self._wait_for_its_end()

    def _is_over(self) -> bool:
        return bool(self.close_sent or self.disconnected or self.transport.is_closing())

    def shutdown(self) -> None:
        super().shutdown()
        self.loop.call_later(FLUSH_SECONDS, self.transport.abort)

    def send_receive_event_to_app(self) -> None:
        """Hand a message on. uvicorn stops reading after each, which costs two system calls."""
        data, self.frames = b"".join(self.frames), []
        if self.close_sent:
            return
        if self.curr_msg_data_type == "bytes":
            self.queue.put_nowait({"type": "websocket.receive", "bytes": data})
        else:
            self._take_text(data)
        if self.queue.qsize() >= MAX_WAITING and not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def _take_text(self, data: bytes) -> None:
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self.conn.fail(1007, "not UTF-8")
            self.handle_parser_exception()
            return
        if not self._hears(text):
            self.queue.put_nowait({"type": "websocket.receive", "text": text})

    def data_received(self, data: bytes) -> None:
        if not self._has_failed:
            super().data_received(data)

    def handle_parser_exception(self) -> None:
        """Close with the reason, and go on reading for a moment: a client that is cut off while it sends never reads it."""
        if self.conn.close_sent is None:  # no handshake
            self.transport.close()
            return
        self._has_failed = self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": self.conn.close_sent.code})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self._wait_for_its_end()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _wait_for_its_end(self) -> None:
        """Cut the connection when the client has had CLOSE_SECONDS. One that does not read would keep it open for ever."""
        if self.close_timer:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
