"""Reads requests for Daphne, and refuses what is too large or too slow before it costs anything: dashboard/limits.py has the figures.

Daphne itself takes in a whole body, on disk where it is large, before the application hears of the request.
"""

import logging
from io import BytesIO
from typing import Any

from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from twisted.protocols.basic import LineReceiver
from twisted.web.http import HTTPChannel

from dashboard import limits
from upgrades.seldom import Seldom

log = logging.getLogger(__name__)
seldom = Seldom(log)


class Held:
    """Bytes of bodies that are in memory now, of all connections."""

    def __init__(self) -> None:
        self.bytes = 0


HELD = Held()


class Request(WebRequest):  # type: ignore[misc]
    """Daphne's, with its body in memory and nowhere else: it is small, or refused. Django reads forms, nobody before it."""

    _held = 0

    def __init__(self, channel: "Channel", queued: object = False) -> None:
        super().__init__(channel, queued, parsePOSTFormSubmission=False)

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        if self.channel.takes(self._held + len(data), len(data)):
            self._held += len(data)
            HELD.bytes += len(data)
            super().handleContentChunk(data)

    def _let_go(self) -> None:
        HELD.bytes, self._held = HELD.bytes - self._held, 0

    def finish(self) -> None:
        self._let_go()
        super().finish()

    def connectionLost(self, reason: Any) -> None:
        self._let_go()
        super().connectionLost(reason)


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection: a deadline for each head and each body, and an answer for each refusal."""

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
        """Not Twisted's, which would give a slow client more time with each byte."""
        if self._is_refused:
            return
        if self._is_idle and not self._handlingRequest:
            self._is_idle = False
            self.setTimeout(limits.HEAD_SECONDS)
        LineReceiver.dataReceived(self, data)

    def allHeadersReceived(self) -> None:
        """Refuses by what the headers say: nothing is read, and nobody is told to go on."""
        self._route = limits.route(self._path.decode("latin1"), self.prefix)
        if self.takes(self.length or 0, self.length or 0):
            self.setTimeout(limits.BODY_SECONDS)
            super().allHeadersReceived()

    def takes(self, size: int, more: int) -> bool:
        """Whether a body of this size may be taken in, of which `more` bytes are not yet in memory. Refuses it if not."""
        largest = self._route.largest
        if not self._is_refused and size > largest:
            self.refuse(413, f"at most {limits.spelled(largest)} are taken here" if largest else "none is taken here")
        elif not self._is_refused and HELD.bytes + more > limits.MAX_HELD:
            self.refuse(503)
        return not self._is_refused

    def refuse(self, status: int, more: str = "") -> None:
        """Answers, ends the connection, and drops what still comes for a while: who is cut off in the middle never reads the answer."""
        self._is_refused = True
        self.persistent = False
        self.setRawMode()
        answer = limits.answer(self._route.shape, status, more)
        self.transport.write(answer.head() + answer.body)
        self.setTimeout(limits.LINGER_SECONDS)
        self._end_answer()
        seldom.warning("a request from %s was refused with %d (%s)", self._peer(), status, more or self._route.shape)

    def _end_answer(self) -> None:
        """TLS has an end of its own; plain TCP is closed in one direction."""
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
        self.setTimeout(limits.IDLE_SECONDS)  # Twisted stops it while it answers, and then begins it again
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
        """Who said nothing yet is dropped; who was slow is told; who was refused has had time to read why."""
        if self._is_refused or self._is_idle or not (self.requests or self._buffer):
            self.transport.abortConnection()
        else:
            self.refuse(408)


class Factory(HTTPFactory):  # type: ignore[misc]
    """Makes our channels in the place of Twisted's. HTTP/2 would be another class, without these limits: it is not offered."""

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
    """A websocket that takes small messages, in however many frames; Daphne's own limit is one on what is sent too."""

    def onMessageFrameBegin(self, length: int) -> None:
        super().onMessageFrameBegin(length)
        if self.message_data_total_length > limits.MAX_MESSAGE and not self.failedByMe:
            reason = f"a message has at most {limits.spelled(limits.MAX_MESSAGE)}"
            self._max_message_size_exceeded(self.message_data_total_length, limits.MAX_MESSAGE, reason)

    def onClose(self, was_clean: bool, code: int | None, reason: str | None) -> None:
        """One whose handshake was refused never had a server, which Daphne overlooks."""
        if hasattr(self, "server"):
            super().onClose(was_clean, code, reason)


class SocketFactory(WebSocketFactory):  # type: ignore[misc]
    """Makes our sockets in the place of Daphne's. Whoever says too much is told, with code 1009, before the line is cut."""

    protocol = Socket

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.setProtocolOptions(failByDrop=False)
