"""Requests as bytes, for what no well-behaved client sends."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from typing import Any

from tests.end_to_end.installation import Installation

PIECE = b"x" * 65_536


@dataclass
class Said:
    """What a server answered on a line that it then closed."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Line:
    """One connection, over http or https. `broke`: the server cut it while we were still sending."""

    socket: socket.socket
    broke: bool = False
    came: bytes = b""
    sent: int = field(default=0)

    def send(self, *pieces: bytes) -> "Line":
        try:
            for piece in pieces:
                self.socket.sendall(piece)
                self.sent += len(piece)
        except OSError:
            self.broke = True
        return self

    def until_closed(self) -> bytes:
        """All that comes until the server has closed."""
        try:
            while piece := self.socket.recv(65_536):
                self.came += piece
        except ConnectionError:
            self.broke = True
        return self.came

    def until(self, mark: bytes) -> bytes:
        while mark not in self.came and (piece := self.socket.recv(65_536)):
            self.came += piece
        return self.came

    def answer(self) -> Said:
        """The last answer, once the server has closed."""
        head, _, body = self.until_closed().partition(b"\r\n\r\n")
        first, _, rest = head.partition(b"\r\n")
        return Said(int(first.split()[1]), BytesParser().parsebytes(rest + b"\r\n\r\n"), body)

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def line(up: Installation, *, tls: bool = False) -> Line:
    return Line(up.secured() if tls else socket.create_connection(("127.0.0.1", up.http_port), timeout=30))


def head(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""]).encode()


def chunked(size: int) -> Iterator[bytes]:
    """A body of this size in chunks, without its end."""
    for _ in range(0, size, len(PIECE)):
        yield b"%x\r\n%b\r\n" % (len(PIECE), PIECE)


def plain(size: int) -> Iterator[bytes]:
    for _ in range(0, size, len(PIECE)):
        yield PIECE
