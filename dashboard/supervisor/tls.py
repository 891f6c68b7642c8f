"""Which certificate the web server shows: the operator's own, or one from a certificate authority that lives in the state folder."""

import re
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dashboard import environment
from dashboard.supervisor.problems import CannotStart
from upgrades.atomic_files import replace

ALWAYS = ("localhost", "127.0.0.1", "::1")
WILDCARDS = {"0.0.0.0", "::", ""}
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Files:
    """`chain` holds the intermediate certificates, where the operator's file has any."""

    certificate: Path
    key: Path
    chain: Path | None = None

    def contents(self) -> tuple[bytes, bytes]:
        return self.certificate.read_bytes(), self.key.read_bytes()


def names(host: str) -> list[str]:
    """The names and addresses that our own certificate is for."""
    allowed = [word.strip("[]") for word in environment.allowed_hosts() if word != "*"]
    wide = [form for word in allowed if word.startswith(".") for form in (word[1:], f"*{word}")]
    plain = [word for word in allowed if not word.startswith(".")]
    return list(dict.fromkeys([*ALWAYS, *([] if host in WILDCARDS else [host]), *plain, *wide]))


def check_given() -> None:
    """Raises CannotStart where the operator's own files cannot be used."""
    given = environment.tls_files()
    if given is not None:
        _check_pair(*given)


def prepare(home: Path, host: str, now: datetime) -> Files:
    """The files to use. Our own are made where they are missing, renewed where they are about to expire or lack a name."""
    given = environment.tls_files()
    if given is not None:
        _check_pair(*given)
        return Files(*given, chain=_chain(given[0], home))
    from dashboard.supervisor import authority  # cryptography is loaded only where it is needed

    folder = home / "tls"
    files = Files(folder / "server.pem", folder / "server.key")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        authority.ensure(folder, names(host), now)
        _check_pair(files.certificate, files.key)
    except (OSError, ValueError, TypeError) as error:
        raise CannotStart(
            f"the TLS files in {folder} cannot be used: {error}. Remove them: they are made again, with a new CA"
        ) from None
    return files


def _check_pair(certificate: Path, key: Path) -> None:
    try:
        for path in (certificate, key):
            path.open("rb").close()
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except ssl.SSLError as error:
        why = error.reason or "neither file is PEM, or the key has a password"
        raise CannotStart(
            f"ROLLGRID_TLS_CERT {certificate} and ROLLGRID_TLS_KEY {key} do not fit together: {why}"
        ) from None
    except OSError as error:
        raise CannotStart(f"the TLS file {error.filename} cannot be read: {error.strerror}") from None


def _no_password() -> str:
    """Stands in for OpenSSL's question at the terminal."""
    return ""


def _chain(certificate: Path, home: Path) -> Path | None:
    """Twisted reads the first certificate of a file only: the others go into a file of their own."""
    rest = _CERTIFICATE.findall(certificate.read_bytes())[1:]
    if not rest:
        return None
    folder = home / "tls"
    folder.mkdir(mode=0o700, exist_ok=True)
    replace(folder / "given-chain.pem", b"".join(part.rstrip() + b"\n" for part in rest), 0o644)
    return folder / "given-chain.pem"
