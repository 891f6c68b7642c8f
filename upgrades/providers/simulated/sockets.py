"""The machines' own listening sockets: what probes reach, and nothing else does.

Bare sockets on the loop's selector instead of one asyncio server per machine: opening one is plain code without an await, so that a
thousand machines come up inside one step, and fifteen thousand of them stay small.
"""

import asyncio
import logging
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from upgrades.providers.simulated.machines import Name
from upgrades.providers.simulated.tls import HELLO, Identity, Tunnel

log = logging.getLogger(__name__)

FIRST_PORT = 20_000
PORTS_TO_TRY = 50
# Two callers may wait; the next ones get no answer. So plain TCP probes fail too, soon after the simulator is halted.
BACKLOG = 1
IDLE_SECONDS = 10.0
MAX_REQUEST_BYTES = 65_536
MAX_MACHINES = 15_000
SPARE_DESCRIPTORS = 256  # for probes in flight, the control API, the database

Answer = Callable[[Name], bytes | None]


def raise_descriptor_limit() -> int:
    """Raises the limit as far as allowed and answers how many machines fit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_MACHINES + 4 * SPARE_DESCRIPTORS
    # macOS may take only the latter.
    for soft in (wanted if hard == resource.RLIM_INFINITY else min(hard, wanted), 10_240):
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            break
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(0, min(MAX_MACHINES, soft - SPARE_DESCRIPTORS))


class Listeners:
    """The open sockets by machine. `answer(name)` gives the whole HTTP answer, or None to hang up.

    Each speaks plainly to who speaks plainly, and TLS with `identity` to who begins with that.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, answer: Answer, identity: Identity) -> None:
        self._loop = loop
        self._answer = answer
        self._identity = identity
        self._open: dict[Name, socket.socket] = {}
        self._waiting: set[ProbeConnection] = set()

    def __len__(self) -> int:
        return len(self._open)

    def address(self, name: Name) -> str:
        """Where the machine listens; "" where it does not."""
        return _address(self._open[name]) if name in self._open else ""

    def open(self, name: Name, serial: int, last_address: str) -> str:
        """Listens for the machine, where it listened last if that is free. Answers "host:port"; OSError where nothing can be had."""
        self.close(name)
        listener = _first_free(_candidates(serial, last_address))
        self._open[name] = listener
        self._loop.add_reader(listener.fileno(), self._accept, name, listener)
        return _address(listener)

    def close(self, name: Name) -> None:
        listener = self._open.pop(name, None)
        if listener:
            self._loop.remove_reader(listener.fileno())
            listener.close()

    def close_all(self) -> None:
        """Nobody is let in any more, and who has not asked yet is hung up."""
        for name in list(self._open):
            self.close(name)
        for visit in list(self._waiting):
            visit.close()

    def _accept(self, name: Name, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            self._rest(name, listener, error)
            return
        connection.setblocking(False)
        ProbeConnection(self._loop, connection, lambda: self._answer(name), self._identity, self._waiting).read()

    def _rest(self, name: Name, listener: socket.socket, error: OSError) -> None:
        """Out of descriptors: asking again at once would only burn the processor."""
        log.error("cannot accept for %s/%s: %s; resting for a second", *name, error)
        self._loop.remove_reader(listener.fileno())
        self._loop.call_later(1.0, self._wake, name, listener)

    def _wake(self, name: Name, listener: socket.socket) -> None:
        if self._open.get(name) is listener:
            self._loop.add_reader(listener.fileno(), self._accept, name, listener)


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"{host}:{port}"


@dataclass(slots=True, eq=False)
class ProbeConnection:
    """One connection of a probe. Most have sent their whole request by the time they are accepted, and are answered at once; the others
    are among `waiting` meanwhile."""

    loop: asyncio.AbstractEventLoop
    connection: socket.socket
    answer: Callable[[], bytes | None]
    identity: Identity
    waiting: set["ProbeConnection"]
    request: bytes = b""
    tunnel: Tunnel | None = None
    limit: asyncio.TimerHandle | None = None

    def read(self) -> None:
        try:
            data = self.connection.recv(MAX_REQUEST_BYTES)
        except (BlockingIOError, InterruptedError):
            self._wait()
            return
        except OSError:
            data = b""
        try:
            self.request += self._plain(data)
        except OSError as error:
            log.debug("a caller that wanted TLS is hung up: %s", error)
            self.close()
            return
        if b"\r\n\r\n" in self.request or b"\n\n" in self.request:
            self._reply()
        elif not data or len(self.request) >= MAX_REQUEST_BYTES:
            self.close()
        else:
            self._wait()

    def _plain(self, data: bytes) -> bytes:
        if self.tunnel is None and not self.request and data.startswith(HELLO):
            self.tunnel = Tunnel(self.identity.context, self.connection.send)
        return self.tunnel.take(data) if self.tunnel else data

    def _reply(self) -> None:
        answer = self.answer()
        with suppress(OSError):  # the probe hung up: nobody is left to be told
            if answer and self.tunnel:
                self.tunnel.give(answer)
            else:
                self.connection.send(answer or b"")
        self.close()

    def _wait(self) -> None:
        if self.limit is None:
            self.loop.add_reader(self.connection.fileno(), self.read)
            self.limit = self.loop.call_later(IDLE_SECONDS, self.close)
            self.waiting.add(self)

    def close(self) -> None:
        if self.limit is not None:
            self.limit.cancel()
            self.waiting.discard(self)
            self.loop.remove_reader(self.connection.fileno())
        self.connection.close()


def _candidates(serial: int, last_address: str) -> Iterator[tuple[str, int]]:
    if last_address:
        host, _, port = last_address.rpartition(":")
        yield host, int(port)
    own = f"127.64.{serial >> 8 & 255}.{serial & 255}"
    for own_port in range(FIRST_PORT, FIRST_PORT + PORTS_TO_TRY):
        yield own, own_port
    yield "127.0.0.1", 0  # where such addresses cannot be bound (macOS has only 127.0.0.1)


def _first_free(places: Iterator[tuple[str, int]]) -> socket.socket:
    trouble = OSError("no place to listen")
    for place in places:
        try:
            return _listening(place)
        except OSError as error:
            trouble = error
    raise trouble


def _listening(place: tuple[str, int]) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        # Connections that just ended do not keep an address busy.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
