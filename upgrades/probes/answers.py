"""Reading an HTTP answer as far as a probe needs it: the final status line and its headers."""

import httptools

MOST_BYTES = 65_536  # of headers; an honest answer to a probe has a few hundred


class MalformedAnswer(Exception):
    """What came is not HTTP."""


class Answer:
    """The answer to one probe, fed as it comes. The body is never waited for: the headers suffice."""

    __slots__ = ("_parser", "_received", "_status")

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._received = 0
        self._status = 0

    def feed(self, data: bytes) -> int:
        """The final status once all headers are there, 0 before. Raises MalformedAnswer."""
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._status:  # else it is the body that is malformed, and nobody asked for that
                raise MalformedAnswer(f"malformed answer: {error}") from error
        if not self._status and self._received > MOST_BYTES:
            raise MalformedAnswer(f"no end of headers in {MOST_BYTES} bytes")
        return self._status

    def close(self) -> None:
        """Lets go of the parser: the two hold each other, and thousands a second are no work for the garbage collector."""
        del self._parser

    def on_headers_complete(self) -> None:
        """Called by the parser. 1xx answers but 101 precede the final one (RFC 9110, 15.2); the first final one counts."""
        status = self._parser.get_status_code()
        if not self._status and (status >= 200 or status == 101):
            self._status = status
