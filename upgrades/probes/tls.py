"""A probe over TLS: the same bare socket, with OpenSSL between it and the answer.

OpenSSL works on memory and never on the socket: a whole flight of the handshake is read and written in one system call each, and what
has been decrypted never waits unseen behind a socket from which nothing more will come.
"""

import re
import socket
import ssl
from collections.abc import Callable

from upgrades.core.states import Health
from upgrades.probes.addresses import Address
from upgrades.probes.answers import Answer, MalformedAnswer, RichAnswer
from upgrades.probes.attempt import Attempt

RECORD_TYPES = {0x15, 0x16}  # alert and handshake (RFC 8446, 5.1): the first byte of whatever answers a client's hello
MAX_RECORD_BYTES = 16_384  # of plaintext (RFC 8446, 5.1)
MAX_BYTES = 262_144  # of a whole conversation: certificates, and the longest answer that is read
OLD_PROTOCOL = "no TLS 1.2 or newer is spoken there"
NO_CERTIFICATE = "a client certificate is asked for, and a probe has none"
REASONS = {
    "UNSUPPORTED_PROTOCOL": OLD_PROTOCOL,
    "TLSV1_ALERT_PROTOCOL_VERSION": OLD_PROTOCOL,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": NO_CERTIFICATE,
}


def _context() -> ssl.SSLContext:
    """Certificates are not verified: instances are asked by address, and what they show need not be for it. No client certificate.

    Whatever cipher a server of TLS 1.2 has is good enough for a question that holds no secret.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


CONTEXT = _context()


class TlsAnswer:
    """The answer to one probe inside TLS, fed with what comes from the socket; `send` takes what goes there.

    A probe says so little that it fits any socket's send buffer: what `send` cannot take is not kept.
    """

    __slots__ = ("_answer", "_incoming", "_kind", "_outgoing", "_received", "_request", "_send", "_tls")

    def __init__(self, request: bytes, kind: type[Answer], name: str | None, send: Callable[[bytes], int]) -> None:
        """`name` is the server's, None where it is asked by address."""
        self._request = request
        self._kind = kind
        self._send = send
        self._received = 0
        self._answer: Answer | None = None  # from the end of the handshake on
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = CONTEXT.wrap_bio(self._incoming, self._outgoing, server_hostname=name)

    def greet(self) -> None:
        """Says hello. Raises MalformedAnswer, and what `send` raises."""
        self._advance()
        self._flush()

    def told(self, detail: str) -> str:
        """The same for people: what fails before the end of the handshake is the handshake."""
        return f"TLS handshake failed: {detail}" if self._answer is None else detail

    def feed(self, data: bytes) -> bool:
        """As Answer.feed; nothing fed: the connection was closed. Raises MalformedAnswer, and what `send` raises."""
        self._received += len(data)
        if self._received > MAX_BYTES:
            raise MalformedAnswer(f"an answer of more than {MAX_BYTES} bytes")
        if not data:
            return self._is_whole_at_the_end()
        if self._received == len(data) and data[0] not in RECORD_TYPES:
            raise MalformedAnswer("no TLS is spoken there")
        self._incoming.write(data)
        if self._advance():
            return True
        self._flush()
        return False

    def verdict(self) -> tuple[Health, str]:
        assert self._answer is not None, "there is no verdict before there is an answer"
        return self._answer.verdict()

    def close(self) -> None:
        if self._answer is not None:
            self._answer.close()

    def _advance(self) -> bool:
        """As far as what was fed suffices. Whether there is enough for a verdict."""
        try:
            if self._answer is None:
                self._tls.do_handshake()
                self._answer = self._kind()
                self._tls.write(self._request)
            return self._read(self._answer)
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            raise MalformedAnswer(_words(error, is_shaking_hands=self._answer is None)) from error

    def _read(self, answer: Answer) -> bool:
        """Reads all that is there; SSLWantReadError says that nothing more is there yet."""
        while True:
            data = self._tls.read(MAX_RECORD_BYTES)
            if answer.feed(data):
                return True
            if not data:  # the other side said that nothing more will come
                raise MalformedAnswer("connection closed before an answer")

    def _is_whole_at_the_end(self) -> bool:
        """Many servers close without a word of TLS; who does not verify certificates needs none."""
        if self._answer is None:
            raise MalformedAnswer("connection closed")
        return self._answer.feed(b"")

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._send(self._outgoing.read())


class TlsAttempt(Attempt):
    """One probe over TLS. Time-outs, and further addresses where one refuses the connection, are as of any attempt."""

    __slots__ = ("_name",)

    def begin(self, addresses: tuple[Address, ...]) -> None:
        """Servers are told their names, never their addresses (RFC 6066, 3)."""
        self._name = None if addresses else self.target.host.rstrip(".")
        super().begin(addresses)

    def _connected(self, sock: socket.SocketType) -> None:
        kind = RichAnswer if self.target.settings.is_rich else Answer
        self._answer = answer = TlsAnswer(self._request, kind, self._name, sock.send)
        try:
            answer.greet()
        except MalformedAnswer as error:
            self._fail(str(error))
        except OSError:  # what connecting failed with
            self._answer = None
            raise
        else:
            self._poller.expect_answer(sock, self)

    def _fail(self, detail: str) -> None:
        super()._fail(self._answer.told(detail) if isinstance(self._answer, TlsAnswer) else detail)


def _words(error: ssl.SSLError, *, is_shaking_hands: bool) -> str:
    """OpenSSL's own reason, in words."""
    reason = error.reason or type(error).__name__
    words = REASONS.get(reason) or re.sub(r"^(sslv3|tlsv1|tlsv13) ", "", reason.lower().replace("_", " "))
    return words if is_shaking_hands else f"TLS failed: {words}"
