"""What machines speak to callers that begin with TLS, on the same socket: they show a certificate of their own making."""

import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from upgrades import atomic_files

log = logging.getLogger(__name__)

HELLO = b"\x16"  # the record type of a handshake (RFC 8446, 5.1), with which no line of HTTP begins
MAX_RECORD_BYTES = 16_384
YEARS = 20  # probes do not look at certificates, and nobody else talks to these machines


class Identity:
    """The one certificate of all machines, with its key in the same file. Made when the first caller wants TLS, and kept."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def context(self) -> ssl.SSLContext:
        """Raises OSError where the file can neither be read nor made."""
        try:
            return _shown(self._path)
        except OSError:  # there is none yet, or it is damaged (ssl.SSLError is an OSError): a new one mends it
            return self._renewed()

    def _renewed(self) -> ssl.SSLContext:
        try:
            atomic_files.replace(self._path, _made(datetime.now(UTC)))
            return _shown(self._path)
        except OSError as error:
            log.error("no machine can speak TLS, for want of a certificate: %s", error)
            raise


class Tunnel:
    """TLS on one connection, on memory only; `send` takes what goes to the other side."""

    def __init__(self, context: ssl.SSLContext, send: Callable[[bytes], int]) -> None:
        self._send = send
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._is_open = False

    def take(self, data: bytes) -> bytes:
        """What that says, b"" where nothing yet. Raises OSError: what came is not TLS, or nobody is there any more."""
        said = b""
        self._incoming.write(data)
        try:
            if not self._is_open:
                self._tls.do_handshake()
                self._is_open = True
            while more := self._tls.read(MAX_RECORD_BYTES):
                said += more
        except ssl.SSLWantReadError:
            pass
        finally:
            self._flush()  # where it was not TLS that came: the alert that says so
        return said

    def give(self, data: bytes) -> None:
        """Says this, and that nothing more will come. Raises OSError."""
        self._tls.write(data)
        with suppress(ssl.SSLWantReadError):  # the other side's farewell is not waited for
            self._tls.unwrap()
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._send(self._outgoing.read())


def _shown(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.num_tickets = 0  # nobody comes back with one
    context.load_cert_chain(path)
    return context


def _made(now: datetime) -> bytes:
    """A key and the certificate that it has signed for itself, in PEM."""
    # Most clouds never need them, and importing them takes longer than all else at the start.
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Rollgrid simulated machine")])
    certificate = (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=365 * YEARS))
        .sign(key, SHA256())
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
