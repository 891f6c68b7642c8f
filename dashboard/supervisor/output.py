"""Where the children's lines go: to stderr, each with the child's name before it and with secrets masked.

A thread writes them, so that a reader that has stopped reading (a paused terminal, a full pipe) never stops the supervision: lines
are dropped then, and counted.
"""

import os
import queue
import sys
import threading

from dashboard.masking import masked

MAX_LINES = 5_000
MAX_LINE_LENGTH = 64 * 1024
FAREWELL_SECONDS = 1.0


class Output:
    """Lines in, stderr out. `say` is for the supervisor's own words."""

    def __init__(self, handle: int | None = None) -> None:
        self._handle = sys.stderr.fileno() if handle is None else handle
        self._lines: queue.Queue[bytes | None] = queue.Queue(MAX_LINES)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write_all, name="output", daemon=True)
        self._thread.start()

    def say(self, words: str) -> None:
        self.line("rollgrid", words)

    def line(self, name: str, text: str) -> None:
        try:
            self._lines.put_nowait(f"{name:<9} | {masked(text)}\n".encode(errors="replace"))
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Lets what is waiting be written, but not for long."""
        try:
            self._lines.put(None, timeout=FAREWELL_SECONDS)
        except queue.Full:
            return
        self._thread.join(FAREWELL_SECONDS)

    def _write_all(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._write(self._dropped_note() + line)
            except OSError:  # nobody reads any more; the children must still be able to write
                continue

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._handle, data) :]

    def _dropped_note(self) -> bytes:
        dropped, self._dropped = self._dropped, 0
        return f"rollgrid  | {dropped} lines were dropped: nobody read them\n".encode() if dropped else b""


class Splitter:
    """Cuts a child's stream of bytes into lines; a line without end is cut at 64 KB."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_LENGTH:
            whole.append(self._rest)
            self._rest = b""
        return [line.decode(errors="replace").rstrip("\r") for line in whole]

    def end(self) -> list[str]:
        rest, self._rest = self._rest, b""
        return [rest.decode(errors="replace")] if rest else []
