"""What goes over the wire between a provider and Incus: all requests are noted, and an answer can be lost on its way."""

import http.client
import json
import os
import signal
import socket
import socketserver
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.containers.incus import Incus
from tests.waiting import wait_until
from upgrades.providers.base import ScaleSetReference
from upgrades.providers.incus.records import name_of

FRAMING = {"host", "connection", "content-length", "transfer-encoding"}
Request = tuple[str, str, Any]  # method, path without its query, and body where that is JSON


class Wire(socketserver.ThreadingUnixStreamServer):
    """A socket before that of Incus. `after`: called with each request that Incus has answered; where it is true, the answer is lost."""

    daemon_threads = True

    def __init__(self, incus: Incus, path: Path, after: Callable[[Request], bool]) -> None:
        super().__init__(str(path), _Handler)
        self.incus, self.path, self.after = incus, path, after
        self.requests: list[Request] = []

    def asked(self, method: str, end: str) -> list[Any]:
        """The bodies of such requests, in their order. `end`: of the path."""
        return [body for how, path, body in list(self.requests) if how == method and path.endswith(end)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Wire

    def _pass_on(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(content) if content.startswith(b"{") else None
        request = (self.command, urlsplit(self.path).path, body)
        self.server.requests.append(request)
        status, headers, answer = self._answer(content)
        if self.server.after(request):
            self.close_connection = True
            return
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in FRAMING:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass_on

    def _answer(self, content: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("incus")
        with socket.socket(socket.AF_UNIX) as connection.sock:
            connection.sock.connect(str(self.server.incus.socket))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in FRAMING}
            connection.request(self.command, self.path, body=content or None, headers=headers)
            with connection.getresponse() as response:
                return response.status, response.getheaders(), response.read()


@contextmanager
def wire(incus: Incus, after: Callable[[Request], bool] = lambda request: False) -> Iterator[Wire]:
    with tempfile.TemporaryDirectory() as folder, Wire(incus, Path(folder) / "socket", after) as between:
        thread = threading.Thread(target=between.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield between
        finally:
            between.shutdown()
            thread.join()


class Hold:
    """One process of the host that is stopped, until it is let go. `process`: its id, also afterwards."""

    def __init__(self) -> None:
        self.process = 0
        self._is_held = False

    def unpacking(self, scale_set: ScaleSetReference, instance: str) -> None:
        """The program that unpacks the machine's image, which Incus was just told to do."""
        end = f"/{name_of(scale_set, instance)}".encode()

        def is_it(_: Path, words: list[bytes]) -> bool:
            return words[0].endswith(b"tar") and any(word.endswith(end) for word in words)

        self.stop(wait_until(lambda: _process(is_it), what="an image that is unpacked"))

    def shell(self, init: int) -> None:
        """Of the provider, in the machine that has this init."""
        machine = _namespace(Path(f"/proc/{init}"))

        def is_it(folder: Path, words: list[bytes]) -> bool:
            return b"rollgrid" in words and _namespace(folder) == machine

        self.stop(wait_until(lambda: _process(is_it), what="a shell in the machine"))

    def stop(self, process: int) -> None:
        os.kill(process, signal.SIGSTOP)
        self.process, self._is_held = process, True

    def let_go(self) -> None:
        if self._is_held:
            with suppress(ProcessLookupError):  # killed meanwhile
                os.kill(self.process, signal.SIGCONT)
        self._is_held = False


@contextmanager
def holding() -> Iterator[Hold]:
    hold = Hold()
    try:
        yield hold
    finally:
        hold.let_go()


def _process(is_it: Callable[[Path, list[bytes]], bool]) -> int:
    """The first process of which that is true; 0 for none. It is given its folder in /proc and its command line."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # it has ended
                if is_it(folder, (folder / "cmdline").read_bytes().split(b"\0")):
                    return int(folder.name)
    return 0


def _namespace(folder: Path) -> str:
    return str((folder / "ns" / "pid").readlink())
