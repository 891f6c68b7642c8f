"""Texts as websocket frames, each made once for all who get it: channel.py writes them under Daphne, uvicorn_channel.py under uvicorn."""

import struct


class Framed:
    """The websocket frame of the text that was sent last, as bytes: the relay sends each text to all of its clients."""

    def __init__(self) -> None:
        self._text: str | None = None
        self._frame = b""

    def of(self, text: str) -> bytes:
        if text is not self._text:
            self._text, self._frame = text, _framed(text.encode())
        return self._frame


def _framed(payload: bytes) -> bytes:
    """A whole text message in one frame that is not masked (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x81, size)
    elif size < 0x10000:
        head = struct.pack("!BBH", 0x81, 126, size)
    else:
        head = struct.pack("!BBQ", 0x81, 127, size)
    return head + payload


FRAMED = Framed()
