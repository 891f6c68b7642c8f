"""Our own certificate authority: shapes, renewal, and what clients say to it."""

import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from dashboard.supervisor import authority, tls
from dashboard.supervisor.problems import CannotStart

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("ROLLGRID_TLS_CERT", "ROLLGRID_TLS_KEY", "ROLLGRID_ALLOWED_HOSTS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def certificate(home: Path, name: str = "server.pem") -> x509.Certificate:
    return x509.load_pem_x509_certificate((home / "tls" / name).read_bytes())


def test_the_authority_and_the_certificate_have_the_right_extensions(home: Path) -> None:
    tls.prepare(home, "127.0.0.1", NOW)
    signer, server = certificate(home, "ca.pem"), certificate(home)
    server.verify_directly_issued_by(signer)
    assert signer.not_valid_after_utc - NOW > timedelta(days=3649)
    assert timedelta(days=396) < server.not_valid_after_utc - NOW < timedelta(days=398)
    basics = signer.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basics.critical
    assert basics.value.ca
    assert signer.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    uses = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.SERVER_AUTH]
    own = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    theirs = server.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert own == theirs
    for name, mode in {"ca.key": 0o600, "server.key": 0o600, "ca.pem": 0o644, "server.pem": 0o644}.items():
        assert stat.S_IMODE((home / "tls" / name).stat().st_mode) == mode


def test_a_certificate_stays_the_same_while_it_is_good(home: Path) -> None:
    first = tls.prepare(home, "127.0.0.1", NOW).contents()
    assert tls.prepare(home, "127.0.0.1", NOW + timedelta(days=365)).contents() == first


def test_a_certificate_is_renewed_by_the_same_authority_before_it_expires(home: Path) -> None:
    first = tls.prepare(home, "127.0.0.1", NOW).contents()
    signer = certificate(home, "ca.pem")
    later = NOW + timedelta(days=368)
    assert tls.prepare(home, "127.0.0.1", later).contents() != first
    assert certificate(home, "ca.pem") == signer
    certificate(home).verify_directly_issued_by(signer)
    assert certificate(home).not_valid_after_utc - later > timedelta(days=396)


def test_a_certificate_is_renewed_for_a_missing_name(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls.prepare(home, "127.0.0.1", NOW)
    tls.prepare(home, "10.1.2.3", NOW)
    names = certificate(home).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "10.1.2.3" in map(str, names.get_values_for_type(x509.IPAddress))
    monkeypatch.setenv("ROLLGRID_ALLOWED_HOSTS", "rollgrid.example,.wide.example,*")
    assert tls.names("0.0.0.0")[3:] == ["rollgrid.example", "wide.example", "*.wide.example"]


@pytest.mark.parametrize("damage", ["previous-ca.pem", "previous-ca.key"])
@pytest.mark.parametrize("what", [b"", b"no PEM at all"])
def test_a_damaged_authority_of_former_days_is_put_aside(
    home: Path, damage: str, what: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that is of no use any more keeps nothing from starting; whoever wonders finds it under another name."""
    tls.prepare(home, "127.0.0.1", NOW)
    for end in ("pem", "key"):
        (home / "tls" / f"previous-ca.{end}").write_bytes((home / "tls" / f"ca.{end}").read_bytes())
    (home / "tls" / damage).write_bytes(what)
    first = certificate(home, "ca.pem")
    tls.prepare(home, "127.0.0.1", NOW)
    assert certificate(home, "ca.pem") == first
    assert capsys.readouterr().err.count("\n") == 1
    assert {path.name for path in (home / "tls").glob("previous-ca*")} == {
        "previous-ca.pem.damaged",
        "previous-ca.key.damaged",
    }
    tls.prepare(home, "127.0.0.1", NOW)
    assert not capsys.readouterr().err


@pytest.mark.parametrize("damage", ["server.pem", "server.key"])
def test_a_damaged_pair_is_made_anew(home: Path, damage: str) -> None:
    tls.prepare(home, "127.0.0.1", NOW)
    (home / "tls" / damage).write_text("half writ")
    tls.prepare(home, "127.0.0.1", NOW)
    certificate(home).verify_directly_issued_by(certificate(home, "ca.pem"))


def test_a_damaged_authority_is_for_the_operator_to_decide(home: Path) -> None:
    """Clients trust it: it is not replaced behind anyone's back."""
    tls.prepare(home, "127.0.0.1", NOW)
    (home / "tls" / "ca.key").write_text("half writ")
    with pytest.raises(CannotStart, match="Remove them"):
        tls.prepare(home, "127.0.0.1", NOW)


def test_a_damaged_authority_is_named(home: Path) -> None:
    tls.prepare(home, "127.0.0.1", NOW)
    (home / "tls" / "ca.pem").write_bytes(b"")
    with pytest.raises(CannotStart, match=r"cannot be used: ca\.pem or ca\.key is damaged\. Remove them"):
        tls.prepare(home, "127.0.0.1", NOW)


def test_a_file_in_the_place_of_the_folder_is_said(home: Path) -> None:
    (home / "tls").touch()
    with pytest.raises(CannotStart, match="File exists"):
        tls.prepare(home, "127.0.0.1", NOW)


def test_an_authority_at_its_end_is_replaced(home: Path) -> None:
    tls.prepare(home, "127.0.0.1", NOW)
    signer = certificate(home, "ca.pem")
    tls.prepare(home, "127.0.0.1", NOW + timedelta(days=3640))
    assert certificate(home, "ca.pem") != signer
    certificate(home).verify_directly_issued_by(certificate(home, "ca.pem"))


@pytest.mark.parametrize("off", [timedelta(days=-38), timedelta(days=-3000), timedelta(days=38)])
def test_the_authority_is_valid_wherever_the_clock_is_set(home: Path, off: timedelta) -> None:
    """Made by a clock that was ahead, it was not valid yet once that was set right; the server's is made anew then."""
    tls.prepare(home, "127.0.0.1", NOW)
    signer = certificate(home, "ca.pem")
    tls.prepare(home, "127.0.0.1", NOW + off)
    assert certificate(home, "ca.pem") == signer
    for cert in (signer, certificate(home)):
        assert cert.not_valid_before_utc <= NOW + off < cert.not_valid_after_utc


def test_the_authority_survives_a_clock_that_was_ten_years_ahead(home: Path) -> None:
    """Clients trust the first one."""
    tls.prepare(home, "127.0.0.1", NOW)
    signer = certificate(home, "ca.pem")
    for _ in range(2):
        tls.prepare(home, "127.0.0.1", NOW + timedelta(days=3640))
        assert certificate(home, "ca.pem") != signer
        tls.prepare(home, "127.0.0.1", NOW)
        assert certificate(home, "ca.pem") == signer
        certificate(home).verify_directly_issued_by(signer)


def test_given_files_are_used_with_their_chain(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = tmp_path / "given"
    given.mkdir()
    authority.ensure(given, ["rollgrid.example"], NOW)
    whole = (given / "server.pem").read_bytes() + (given / "ca.pem").read_bytes()
    (given / "fullchain.pem").write_bytes(whole)
    monkeypatch.setenv("ROLLGRID_TLS_CERT", str(given / "fullchain.pem"))
    monkeypatch.setenv("ROLLGRID_TLS_KEY", str(given / "server.key"))
    files = tls.prepare(home, "127.0.0.1", NOW)
    assert files.certificate == given / "fullchain.pem"
    assert files.chain is not None
    assert files.chain.read_bytes() == (given / "ca.pem").read_bytes()
    assert not (home / "tls" / "ca.pem").exists()


@pytest.fixture
def listener(home: Path) -> Iterator[int]:
    """A TLS server that shows a certificate made today."""
    files = tls.prepare(home, "127.0.0.1", datetime.now(UTC))  # noqa: TID251  OpenSSL looks at the real clock
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with closing(socket.create_server(("127.0.0.1", 0))) as plain:
        thread = threading.Thread(target=_greet_once, args=(context, plain))
        thread.start()
        yield plain.getsockname()[1]
        thread.join(10)


def _greet_once(context: ssl.SSLContext, plain: socket.socket) -> None:
    connection, _ = plain.accept()
    with context.wrap_socket(connection, server_side=True) as secured:
        secured.sendall(b"hello")


def test_a_strict_client_accepts_it(home: Path, listener: int) -> None:
    """As Python 3.13 and newer check by default."""
    context = ssl.create_default_context(cafile=home / "tls" / "ca.pem")
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    plain = socket.create_connection(("127.0.0.1", listener), timeout=10)
    with context.wrap_socket(plain, server_hostname="localhost") as secured:
        assert secured.recv(10) == b"hello"
