"""Reading an HTTP answer as far as a probe needs it: the final status line and its headers, and the body where that counts."""

import json

import httptools

from upgrades.core.json_fields import get_field
from upgrades.core.states import Health

MAX_BYTES = 65_536  # of headers, or of a whole answer whose body counts; an honest answer to a probe has a few hundred
HEALTHY, UNHEALTHY, UNKNOWN = Health.HEALTHY, Health.UNHEALTHY, Health.UNKNOWN  # an enum's member is slow to look up
SAID = {"Healthy": HEALTHY, "Unhealthy": UNHEALTHY}


class MalformedAnswer(Exception):
    """What came is not HTTP, or too much of it."""


class Answer:
    """The answer to one probe, fed as it comes. The body is never waited for: the headers suffice."""

    __slots__ = ("_parser", "_received", "_status")

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._received = 0
        self._status = 0

    def feed(self, data: bytes) -> bool:
        """Whether there is enough for a verdict: all headers of the final answer. Raises MalformedAnswer."""
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._status:  # else it is the body that is malformed, and nobody asked for that
                raise MalformedAnswer(f"malformed answer: {error}") from error
        if not self._status and self._received > MAX_BYTES:
            raise MalformedAnswer(f"no end of headers in {MAX_BYTES} bytes")
        return self._status > 0

    def verdict(self) -> tuple[Health, str]:
        """What the answer says, and the words for it. "Healthy only on exactly 200" (Z-3.2)."""
        return HEALTHY if self._status == 200 else UNHEALTHY, f"HTTP {self._status}"

    def close(self) -> None:
        """Lets go of the parser: the two hold each other, and thousands a second are no work for the garbage collector."""
        del self._parser

    def on_headers_complete(self) -> None:
        """Called by the parser. 1xx answers but 101 precede the final one (RFC 9110, 15.2); the first final one counts."""
        status = self._parser.get_status_code()
        if not self._status and (status >= 200 or status == 101):
            self._status = status


class RichAnswer(Answer):
    """The answer to a rich probe: of a 2xx the body counts (Z-3.3), and it is waited for."""

    __slots__ = ("_body", "_is_whole")

    def __init__(self) -> None:
        super().__init__()
        self._body = b""
        self._is_whole = False

    def feed(self, data: bytes) -> bool:
        """Nothing fed: the connection was closed, which is how a body of no stated length ends."""
        if not super().feed(data):
            return False
        if self._received > MAX_BYTES:
            raise MalformedAnswer(f"an answer of more than {MAX_BYTES} bytes")
        return self._is_whole or not data or not self._is_successful

    def verdict(self) -> tuple[Health, str]:
        if not self._is_successful:
            return UNKNOWN, f"HTTP {self._status}"
        said = self._said()
        if said is None:
            return UNKNOWN, f"HTTP {self._status} without an ApplicationHealthState of Healthy or Unhealthy"
        return SAID[said], f"HTTP {self._status}, ApplicationHealthState {said}"

    def on_body(self, data: bytes) -> None:
        """Called by the parser."""
        self._body += data

    def on_message_complete(self) -> None:
        """Called by the parser, after 1xx answers too."""
        self._is_whole = self._status > 0

    @property
    def _is_successful(self) -> bool:
        return 200 <= self._status < 300

    def _said(self) -> str | None:
        try:
            said = get_field(json.loads(self._body), "ApplicationHealthState")
        except (ValueError, RecursionError):
            return None
        return said if isinstance(said, str) and said in SAID else None
