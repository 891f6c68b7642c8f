"""Our own certificate authority and the server certificate that it signs.

Shapes as Python 3.13, Node and OpenSSL want them: SAN, critical basicConstraints, keyUsage, extendedKeyUsage serverAuth, and both key
identifiers.
"""

import ipaddress
import sys
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from upgrades.atomic_files import replace

AUTHORITY_DAYS = 3650
SERVER_DAYS = 397  # the longest that browsers accept
RENEW_DAYS = 30
# How far a clock may be set back, for a certificate to be valid still. Clients hold the authority's: nothing but its end makes it invalid.
SERVER_SKEW = timedelta(hours=12)
AUTHORITY_SKEW = timedelta(days=AUTHORITY_DAYS)
CURRENT, PREVIOUS = "ca", "previous-ca"

Key = ec.EllipticCurvePrivateKey


def ensure(folder: Path, names: list[str], now: datetime) -> bool:
    """Makes or renews what is needed. Answers whether the server certificate is a new one."""
    signer, key = _authority(folder, now)
    if _still_good(folder, signer, names, now):
        return False
    server_key = ec.generate_private_key(ec.SECP256R1())
    certificate = _server_certificate(signer, key, server_key, names, now)
    # Key first: a crash between the two leaves a pair that does not fit, which the next start sees and makes anew.
    replace(folder / "server.key", _pem(server_key), 0o600)
    replace(folder / "server.pem", certificate.public_bytes(Encoding.PEM), 0o644)
    return True


def _authority(folder: Path, now: datetime) -> tuple[x509.Certificate, Key]:
    """The one that signs. Of two valid ones the older: a clock that was far ahead had the other made, and clients do not know it."""
    found = {CURRENT: _pair(folder, CURRENT), PREVIOUS: _previous(folder)}
    pairs = {name: pair for name, pair in found.items() if pair}
    valid = {name: pair for name, pair in pairs.items() if _lasts(pair[0], now)}
    if valid:
        name = min(valid, key=lambda pair_name: valid[pair_name][0].not_valid_after_utc)
        if name == PREVIOUS:
            _keep(folder, PREVIOUS, pairs[CURRENT])
            _keep(folder, CURRENT, pairs[PREVIOUS])
        return valid[name]
    if CURRENT in pairs:
        _keep(folder, PREVIOUS, pairs[CURRENT])
    key = ec.generate_private_key(ec.SECP256R1())
    signer = _authority_certificate(key, now)
    _keep(folder, CURRENT, (signer, key))
    return signer, key


def _previous(folder: Path) -> tuple[x509.Certificate, Key] | None:
    """One that is damaged is put aside: nothing that runs now needs it."""
    try:
        return _pair(folder, PREVIOUS)
    except ValueError as error:
        print(f"rollgrid: {error}; both are put aside as {PREVIOUS}.*.damaged", file=sys.stderr, flush=True)
        for path in (folder / f"{PREVIOUS}.pem", folder / f"{PREVIOUS}.key"):
            path.rename(path.with_name(f"{path.name}.damaged"))
        return None


def _pair(folder: Path, name: str) -> tuple[x509.Certificate, Key] | None:
    """Its certificate and its key; None where there is none. Raises ValueError where they do not fit together."""
    certificate_path, key_path = folder / f"{name}.pem", folder / f"{name}.key"
    if not certificate_path.exists() or not key_path.exists():
        return None
    try:
        signer = x509.load_pem_x509_certificate(certificate_path.read_bytes())
        key = load_pem_private_key(key_path.read_bytes(), None)
    except (ValueError, TypeError):
        raise ValueError(f"{name}.pem or {name}.key is damaged") from None
    if not isinstance(key, Key) or key.public_key() != signer.public_key():
        raise ValueError(f"{name}.key is not the key of {name}.pem")
    return signer, key


def _keep(folder: Path, name: str, pair: tuple[x509.Certificate, Key]) -> None:
    signer, key = pair
    replace(folder / f"{name}.key", _pem(key), 0o600)
    replace(folder / f"{name}.pem", signer.public_bytes(Encoding.PEM), 0o644)


def _lasts(certificate: x509.Certificate, now: datetime) -> bool:
    until = now + timedelta(days=RENEW_DAYS)
    return certificate.not_valid_before_utc <= now and until < certificate.not_valid_after_utc


def _still_good(folder: Path, signer: x509.Certificate, names: list[str], now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
        key = load_pem_private_key((folder / "server.key").read_bytes(), None)
        certificate.verify_directly_issued_by(signer)
        covered = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # missing, damaged, or of another authority: whatever it is, a new one mends it
        return False
    fits = key.public_key() == certificate.public_key()
    return fits and _lasts(certificate, now) and all(name in covered for name in map(general_name, names))


def _authority_certificate(key: Key, now: datetime) -> x509.Certificate:
    name = _name(f"Rollgrid local CA {now:%Y-%m-%d}")
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        _builder(name, name, key, now - AUTHORITY_SKEW, now + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, SHA256())
    )


def _server_certificate(
    signer: x509.Certificate, key: Key, server: Key, names: list[str], now: datetime
) -> x509.Certificate:
    begins = now - SERVER_SKEW
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    identifier = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        _builder(_name("Rollgrid"), signer.subject, server, begins, begins + timedelta(days=SERVER_DAYS))
        .add_extension(x509.SubjectAlternativeName([general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(server.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
