"""Conversations with a libvirt daemon.

One connection for each process and URI, opened when it is first used, so after any fork; calls block, and are made in threads. Keep-alive
messages end the calls to a daemon that does not answer any more.
"""

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from upgrades.providers.base import ProviderError
from upgrades.providers.hosts.driver import HOST_UNAVAILABLE

OPEN_SECONDS, CLOSE_SECONDS = 3.0, 1.0
KEEP_ALIVE_SECONDS, KEEP_ALIVE_COUNT = 2, 2
# The library is built where it is installed, for the libvirt that is there.
HOW_TO_INSTALL = (
    "Python's libvirt library is not installed for the workers. On Debian and Ubuntu: apt install gcc libvirt-dev pkg-config python3-dev, "
    'then pip install "libvirt-python==$(pkg-config --modversion libvirt)"'
)
HOW_TO_START = {
    "/system": "Start it (systemctl start libvirtd), and let the workers' user be root or in the group libvirt",
    "/session": "It starts by itself where libvirtd is installed and XDG_RUNTIME_DIR names a folder of the workers' user",
}


class LibvirtRefuses(ProviderError):
    """An error that libvirt answered. `number`: one of libvirt's VIR_ERR_*."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__("LibvirtRefuses", message, permanent=False)
        self.number = number


def library() -> Any:
    """The module libvirt. Raises ProviderError where it is not installed."""
    try:
        import libvirt
    except ImportError as error:
        raise ProviderError("LibraryMissing", f"{HOW_TO_INSTALL} ({error})", permanent=False) from error
    return libvirt


def qemu_library() -> Any:
    """The module with what is for QEMU only."""
    library()
    import libvirt_qemu

    return libvirt_qemu


class Daemon:
    """Whoever answers at `uri`. All methods block: threads only."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """Within it, libvirt's connection. Raises LibvirtRefuses for its errors, and HOST_UNAVAILABLE where it does not answer."""
        connection = self._connection()
        try:
            yield connection
        except library().libvirtError as error:
            if not _is_alive(connection):
                _forget(self.uri, connection)
                raise self._unavailable(error) from error
            raise LibvirtRefuses(error.get_error_code() or 0, f"libvirt: {error}") from error

    def _connection(self) -> Any:
        key = (os.getpid(), self.uri)
        with _lock:
            if (found := _connections.get(key)) and _is_alive(found):
                return found
            opening = _openings.get(key) or _Opening(self.uri)
            _openings[key] = opening
        opening.join(OPEN_SECONDS)
        if opening.is_alive():
            raise self._unavailable(f"it has not answered in {OPEN_SECONDS:g} s")
        with _lock:
            _openings.pop(key, None)
            if opening.connection:
                _connections[key] = opening.connection
                return opening.connection
        raise self._unavailable(opening.error)

    def _unavailable(self, why: object) -> ProviderError:
        how = next(text for path, text in HOW_TO_START.items() if path in self.uri)
        return ProviderError(HOST_UNAVAILABLE, f"libvirt does not answer at {self.uri}: {why}. {how}.", permanent=False)


class _Opening(threading.Thread):
    """Opens a connection. A daemon that has stopped may never answer: nothing waits for this thread in the end."""

    def __init__(self, uri: str) -> None:
        super().__init__(daemon=True)
        self._uri, self.error = uri, "it was not asked"
        self.connection: Any = None
        _start_events()
        self.start()

    def run(self) -> None:
        try:
            connection = library().open(self._uri)
            connection.setKeepAlive(KEEP_ALIVE_SECONDS, KEEP_ALIVE_COUNT)
            self.connection = connection
        except library().libvirtError as error:
            self.error = str(error)


# By process: a connection does not work in a process that was forked off. It is not closed there, because its socket is the parent's too.
_connections: dict[tuple[int, str], Any] = {}
_openings: dict[tuple[int, str], _Opening] = {}
_with_events: set[int] = set()
_lock = threading.RLock()


def _start_events() -> None:
    """Keep-alive messages want a thread that serves libvirt's events. One for the process."""
    libvirt = library()
    if os.getpid() in _with_events:
        return
    _with_events.add(os.getpid())
    libvirt.registerErrorHandler(lambda *_: None, None)  # errors are raised; they need not be printed too
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=_serve_events, daemon=True).start()


def _serve_events() -> None:
    libvirt = library()
    while True:
        with suppress(libvirt.libvirtError):
            libvirt.virEventRunDefaultImpl()


@atexit.register
def _close() -> None:
    """While the library is still there. A daemon that does not answer is not waited for."""
    ours = [connection for (process, _), connection in _connections.items() if process == os.getpid()]
    closing = threading.Thread(target=lambda: [connection.close() for connection in ours], daemon=True)
    if ours:
        closing.start()
        closing.join(CLOSE_SECONDS)


def _is_alive(connection: Any) -> bool:
    try:
        return bool(connection.isAlive())
    except library().libvirtError:
        return False


def _forget(uri: str, connection: Any) -> None:
    with _lock:
        if _connections.get((os.getpid(), uri)) is connection:
            del _connections[os.getpid(), uri]
