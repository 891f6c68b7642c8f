"""One probe in flight: a bare non-blocking socket from connect to verdict.

No transport, task or future per probe: they would cost more than the probe (bench/probes.py).
"""

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Coroutine
from typing import Any, Protocol

from upgrades.core.states import Health
from upgrades.probes.addresses import Address, resolve
from upgrades.probes.answers import Answer, MalformedAnswer, RichAnswer
from upgrades.probes.pollers import Poller
from upgrades.probes.targets import Target

# The socket of the interpreter itself: what the standard library puts around it takes a tenth of a probe.
BareSocket = socket.SocketType
# Where sockets can be made so, this saves a system call.
NON_BLOCKING: int = getattr(socket, "SOCK_NONBLOCK", 0)
STREAM = socket.SOCK_STREAM | NON_BLOCKING
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER with 0 seconds: close with RST, which leaves no TIME_WAIT on either side
CHUNK = 4096  # bytes per read
SCARCE = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}  # our own lack, not the target's failure
FALSE_ALARMS = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOTCONN}  # nothing to read, or still connecting
DETAILS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.EPIPE: "connection reset",
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "no route to network",
}


class Owner(Protocol):
    """Who hears of an attempt's end: `finished` or `starved`, once, and neither after `drop`."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs this in the loop; what it raises is not lost."""

    def finished(self, attempt: "Attempt", health: Health, detail: str) -> None: ...

    def starved(self, attempt: "Attempt", error: OSError) -> None:
        """There was no descriptor for the probe: it says nothing about the target."""


class ResponseReader(Protocol):
    """What is fed with all that comes: an Answer, or one inside TLS."""

    def feed(self, data: bytes) -> bool: ...

    def verdict(self) -> tuple[Health, str]: ...

    def close(self) -> None: ...


class Attempt:
    """One probe. `deadline` and `began` are times of time.monotonic; `slow` is the owner's own mark."""

    __slots__ = (
        "_addresses",
        "_answer",
        "_owner",
        "_poller",
        "_request",
        "_sock",
        "_task",
        "began",
        "deadline",
        "over",
        "slow",
        "target",
    )

    def __init__(self, target: Target, request: bytes, began: float, owner: Owner, poller: Poller) -> None:
        self.target = target
        self.began = began
        self.deadline = began + target.settings.timeout_seconds
        self.slow = False
        self.over = False
        self._request = request  # empty for TCP: there the handshake is the answer
        self._owner = owner
        self._poller = poller
        self._addresses: tuple[Address, ...] = ()
        self._answer: ResponseReader | None = None
        self._sock: BareSocket | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self, addresses: tuple[Address, ...]) -> None:
        """Starts connecting; () as addresses means that the host is a name."""
        if addresses:
            self._addresses = addresses
            self._connect()
        else:
            self._task = self._owner.spawn(self._look_up())

    def advance(self, readable: bool) -> None:
        """The socket is ready: the handshake ended, or something came."""
        sock = self._sock
        if sock is None:  # dropped by what was ready before it
            return
        try:
            if self._answer is None:
                self._connected(sock)
            if self._answer is not None and readable:
                self._read(sock, self._answer)
        except OSError as error:
            if self.over:  # it is not the socket's: whoever heard of the end raised it
                raise
            if error.errno not in FALSE_ALARMS:
                self._failed(error.errno or 0)

    def cut(self) -> None:
        """The time is up."""
        missing = "connection" if self._answer is None else "answer"
        self._fail(f"no {missing} in {self.target.settings.timeout_seconds:g} s")

    def drop(self) -> None:
        """Ends without a verdict; harmless when it has ended."""
        self.over = True
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._answer is not None:
            self._answer.close()
            self._answer = None
        self._hang_up()

    async def _look_up(self) -> None:
        try:
            self._addresses = await resolve(self.target.host, self.target.port)
        except OSError as error:
            self._task = None
            self._fail(f"no address of {self.target.host}: {error.strerror or error}")
        else:
            self._task = None
            self._connect()

    def _connect(self) -> None:
        """Tries the next address; those after it are for when this one refuses."""
        address, self._addresses = self._addresses[0], self._addresses[1:]
        try:
            sock = BareSocket(address.family, STREAM)
        except OSError as error:
            self._no_socket(error)
            return
        self._sock = sock
        if not NON_BLOCKING:
            sock.setblocking(False)
        code = sock.connect_ex(address.sockaddr)
        self._poller.watch(sock, self)
        if code not in (0, errno.EINPROGRESS):
            self._failed(code)

    def _no_socket(self, error: OSError) -> None:
        if error.errno in SCARCE:
            self._owner.starved(self, error)
        else:
            self._failed(error.errno or 0)

    def _connected(self, sock: BareSocket) -> None:
        """The handshake has ended, well or not."""
        if self._request:
            sock.send(self._request)  # raises what the handshake failed with
            self._answer = RichAnswer() if self.target.settings.is_rich else Answer()
            self._poller.expect_answer(sock, self)
        elif code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._failed(code)
        elif sock.getsockname() == sock.getpeername():
            # A free local port that equals the target's connects to itself (simultaneous open): nobody listens there.
            self._failed(errno.ECONNREFUSED)
        else:
            self._end(Health.HEALTHY, "connected")

    def _read(self, sock: BareSocket, answer: ResponseReader) -> None:
        """Reads until there is a verdict; BlockingIOError says that nothing more is there yet."""
        while not self.over:
            data = sock.recv(CHUNK)
            try:
                is_whole = answer.feed(data)
            except MalformedAnswer as error:
                self._fail(str(error))
                return
            if is_whole:
                self._end(*answer.verdict())
            elif not data:
                self._fail("connection closed before an answer")

    def _failed(self, code: int) -> None:
        if self._answer is None and self._addresses:
            self._hang_up()
            self._connect()
        else:
            self._fail(DETAILS.get(code) or os.strerror(code).lower())

    def _fail(self, detail: str) -> None:
        self._end(self.target.settings.failure, detail)

    def _end(self, health: Health, detail: str) -> None:
        if not self.over:
            self.drop()
            self._owner.finished(self, health, detail)

    def _hang_up(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            self._poller.forget(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            sock.close()
