"""Connections to uvicorn's protocols without sockets, with Twisted's clock for tests in the place of the loop's."""

import asyncio
from typing import Any

from twisted.internet.task import Clock

from tests.supervisor.starting import need


class Transport:
    """What asyncio's transports are to a protocol. `is_half_closed`: we send no more; `is_cut`: without what is still to be sent."""

    def __init__(self) -> None:
        self.connected, self.is_half_closed, self.is_cut, self.reads = True, False, False, True
        self.protocol: Any = None
        self._came = b""

    def write(self, data: bytes) -> None:
        assert not self.is_half_closed
        self._came += data

    def value(self) -> bytes:
        return self._came

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.is_half_closed = True

    def abort(self) -> None:
        self.is_cut = True
        self.loseConnection()

    def close(self) -> None:
        self.loseConnection()

    def loseConnection(self) -> None:
        if self.connected:
            self.connected = False
            self.protocol.connection_lost(None)

    def is_closing(self) -> bool:
        return not self.connected

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_extra_info(self, name: str) -> Any:
        return {"peername": ("192.0.2.1", 4711), "sockname": ("192.0.2.2", 80)}.get(name)


class Loop(asyncio.AbstractEventLoop):
    """The part of an event loop that the protocols use. `requests`: the applications that were started; none of them runs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.requests: list[Any] = []

    def time(self) -> float:
        return float(self._clock.seconds())

    def call_later(self, seconds: float, call: Any, *arguments: Any, context: Any = None) -> Any:  # type: ignore[override]
        return _Timer(self._clock.callLater(seconds, call, *arguments))

    def create_task(self, application: Any, *, name: Any = None, context: Any = None) -> Any:
        application.close()
        self.requests.append(application)
        return asyncio.Future(loop=self)

    def get_debug(self) -> bool:
        return False


class _Timer:
    def __init__(self, call: Any) -> None:
        self._call = call

    def cancel(self) -> None:
        if self._call.active():
            self._call.cancel()


class Client:
    """As that of test_channel.py, which is Daphne's."""

    def __init__(self) -> None:
        uvicorn_server = protocols()
        self.clock, self.transport = Clock(), Transport()
        self.server = Loop(self.clock)  # type: ignore[abstract]
        self.state = uvicorn_server.uvicorn.server.ServerState()
        self.configuration = uvicorn_server.configuration()
        self.configuration.load()
        self.channel = uvicorn_server.Channel(self.configuration, self.state, {}, self.server)
        self.transport.set_protocol(self.channel)
        self.channel.connection_made(self.transport)

    def says(self, data: bytes) -> None:
        self.transport.protocol.data_received(data)

    def drips(self, data: bytes, seconds: float) -> None:
        """Byte by byte, as those do who want to keep a server busy."""
        for byte in data:
            if self.transport.connected:
                self.says(bytes([byte]))
                self.clock.advance(seconds)

    @property
    def heard(self) -> bytes:
        return self.transport.value()


def protocols() -> Any:
    """The module of uvicorn's server."""
    need("uvicorn")
    from dashboard import uvicorn_server

    return uvicorn_server
