"""Reads requests for Daphne, and refuses what is too large or too slow before it costs anything. The limits are in dashboard/limits.py.

Daphne itself would take in the whole body, on disk where it is large, before the application hears of the request.
"""

import asyncio
import logging
from io import BytesIO
from typing import Any

from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.internet import tcp
from twisted.protocols.basic import LineReceiver
from twisted.web.http import HTTPChannel

from dashboard import limits
from dashboard.limits import BUFFERED
from dashboard.websocket_frames import FRAMED
from upgrades.log_pacing import PacedLogger

log = logging.getLogger(__name__)
paced_log = PacedLogger(log)


class Flow:
    """Tells an application that streams whether its client reads. Twisted calls it when the transport's buffer is full, and empty again."""

    def __init__(self, request: "Request") -> None:
        self._request = request
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._is_registered = False

    async def wait(self) -> None:
        """Return when the client has read what was written before, nearly all of it."""
        if not self._is_registered and self._request.channel is not None:
            self._is_registered = True
            self._request.registerProducer(self, True)
        await self._may_write.wait()

    @property
    def is_stuck(self) -> bool:
        """Whether the client has not read what was written before."""
        return not self._may_write.is_set()

    def cut(self) -> None:
        """Drop the connection with all that is still to be sent: a client that does not read would keep it open for ever."""
        if self._request.channel is not None:
            self._request.channel.transport.abortConnection()

    def end(self) -> None:
        if self._is_registered and self._request.channel is not None:
            self._request.unregisterProducer()

    def pauseProducing(self) -> None:
        self._may_write.clear()

    def resumeProducing(self) -> None:
        self._may_write.set()

    def stopProducing(self) -> None:
        self._may_write.set()


class Request(WebRequest):  # type: ignore[misc]
    """Daphne's request, with its body always in memory, since large bodies are refused. Forms are parsed by Django only."""

    _buffered = 0

    def __init__(self, channel: "Channel", queued: object = False) -> None:
        super().__init__(channel, queued, parsePOSTFormSubmission=False)

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        if self.channel.takes(self._buffered + len(data), len(data)):
            self._buffered += len(data)
            BUFFERED.bytes += len(data)
            super().handleContentChunk(data)

    def _release(self) -> None:
        BUFFERED.bytes, self._buffered = BUFFERED.bytes - self._buffered, 0

    def finish(self) -> None:
        self._release()
        super().finish()

    def connectionLost(self, reason: Any) -> None:
        self._release()
        super().connectionLost(reason)


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection, with a deadline for each head and each body, and an answer for each refusal."""

    prefix = ""
    maxHeaders = limits.MAX_HEADERS
    totalHeadersSize = limits.MAX_HEAD
    _is_refused = False
    _is_idle = False  # between two requests
    _route = limits.route("/")

    def connectionMade(self) -> None:
        self.timeOut = limits.HEAD_SECONDS
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        """Take bytes. Twisted's own method would restart the deadline with each byte, so a slow client could go on for ever."""
        if self._is_refused:
            return
        if self._is_idle and not self._handlingRequest:
            self._is_idle = False
            self.setTimeout(limits.HEAD_SECONDS)
        LineReceiver.dataReceived(self, data)

    def allHeadersReceived(self) -> None:
        """Refuse by the headers alone: no body is read, and no "100 Continue" is sent."""
        self._route = limits.route(self._path.decode("latin1"), self.prefix)
        if self.takes(self.length or 0, self.length or 0):
            self.setTimeout(limits.BODY_SECONDS)
            super().allHeadersReceived()

    def takes(self, size: int, more: int) -> bool:
        """Whether a body of `size` bytes may be taken, of which `more` are not in memory yet. Refuses the request if not."""
        if not self._is_refused and (refusal := self._route.refusal(size, more)):
            self.refuse(*refusal)
        return not self._is_refused

    def refuse(self, status: int, more: str = "") -> None:
        """Answer, end the connection, and drop what still comes for LINGER_SECONDS.

        A client that is cut off while it sends never reads the answer.
        """
        self._is_refused = True
        self.persistent = False
        self.setRawMode()
        answer = limits.answer(self._route.shape, status, more)
        self.transport.write(answer.head() + answer.body)
        self.setTimeout(limits.LINGER_SECONDS)
        self._end_answer()
        paced_log.warning("a request from %s was refused with %d (%s)", self._peer(), status, more or self._route.shape)

    def _end_answer(self) -> None:
        """Close our direction: TLS by its own closing message, plain TCP by a half-close."""
        if self.isSecure():
            self.loseConnection()
        else:
            self.transport.loseWriteConnection()

    def _peer(self) -> str:
        return str(getattr(self.transport.getPeer(), "host", "?"))

    def rawDataReceived(self, data: bytes) -> None:
        if not self._is_refused:
            super().rawDataReceived(data)

    def allContentReceived(self) -> None:
        if self._is_refused:
            return
        self._is_idle = True
        self.setTimeout(limits.IDLE_SECONDS)  # Twisted stops this timer while it answers, and restarts it afterwards
        super().allContentReceived()

    def lineLengthExceeded(self, line: bytes) -> None:
        self.refuse(431, f"at most {limits.MAX_HEAD // 1024} KB")

    def _respondToBadRequestAndDisconnect(self) -> None:
        if self._is_refused:
            return
        if self._receivedHeaderCount > self.maxHeaders:
            self.refuse(431, f"at most {limits.MAX_HEADERS} headers")
        elif self._receivedHeaderSize > self.totalHeadersSize:
            self.refuse(431, f"at most {limits.MAX_HEAD // 1024} KB")
        else:
            self.refuse(400)

    def timeoutConnection(self) -> None:
        """Drop an idle connection, and one whose refusal has had time to be read; answer 408 where a request was too slow."""
        if self._is_refused or self._is_idle or not (self.requests or self._buffer):
            self.transport.abortConnection()
        else:
            self.refuse(408)


class Factory(HTTPFactory):  # type: ignore[misc]
    """Makes our channels instead of Twisted's. HTTP/2 is not offered: it would use another class, without these limits."""

    prefix = ""

    def buildProtocol(self, addr: object) -> Channel:
        channel = Channel()
        channel.factory = self
        channel.prefix = self.prefix
        channel.requestFactory = Request
        channel.callLater = self.reactor.callLater
        return channel

    def acceptableProtocols(self) -> list[bytes]:
        return [b"http/1.1"]


class Socket(WebSocketProtocol):  # type: ignore[misc]
    """A websocket that takes only small messages, in any number of frames. Daphne's own limit would hold for what is sent too."""

    def serverSend(self, content: Any, binary: bool = False) -> None:
        """Send a message. A text goes out as a frame that is made once for all who get it, and at once where nothing waits before it."""
        if self.state in (self.STATE_CLOSING, self.STATE_CLOSED):
            return  # nobody reads it any more; Daphne hears of that only later, and would stumble
        if binary or self.state != self.STATE_OPEN or self.send_queue:
            super().serverSend(content, binary)
        else:
            write_now(self.transport, FRAMED.of(content))

    def onMessageFrameBegin(self, length: int) -> None:
        super().onMessageFrameBegin(length)
        if self.message_data_total_length > limits.MAX_MESSAGE and not self.failedByMe:
            reason = f"a message has at most {limits.spelled(limits.MAX_MESSAGE)}"
            self._max_message_size_exceeded(self.message_data_total_length, limits.MAX_MESSAGE, reason)

    def onClose(self, was_clean: bool, code: int | None, reason: str | None) -> None:
        """Hand on, except for a socket whose handshake was refused: it has no `server`, and Daphne's method would fail."""
        if hasattr(self, "server"):
            super().onClose(was_clean, code, reason)


def write_now(transport: Any, data: bytes) -> None:
    """Write to the socket now, as far as it takes the data, and hand the rest to Twisted.

    Twisted itself always waits for the event loop to say that the socket can be written to: two more system calls for each client.
    """
    if (
        type(transport) is tcp.Server
        and transport.connected
        and not (transport.dataBuffer or transport._tempDataBuffer)
    ):
        written = transport.writeSomeData(data)
        if isinstance(written, int) and written >= 0:
            data = data[written:]
    if data:
        transport.write(data)


class SocketFactory(WebSocketFactory):  # type: ignore[misc]
    """Makes our sockets instead of Daphne's. A client whose message is too large gets the close code 1009, not just a lost connection."""

    protocol = Socket

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.setProtocolOptions(failByDrop=False)
