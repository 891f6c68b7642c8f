"""Certificates that servers show, good and bad, and what serves with them."""

import ssl
import tempfile
import warnings
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

CERTIFICATES = ("self signed", "expired", "not valid yet", "of RSA", "for another name")


@cache
def pair(kind: str = "self signed") -> bytes:
    """A key and its certificate in PEM."""
    key = rsa.generate_private_key(65537, 2048) if kind == "of RSA" else ec.generate_private_key(ec.SECP256R1())
    begin = datetime(2040 if kind == "not valid yet" else 2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_named("elsewhere.example" if kind == "for another name" else "127.0.0.1"))
        .issuer_name(_named("Nobody"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=1 if kind == "expired" else 36_500))
        .add_extension(_alternative_names(kind), critical=False)
        .sign(key, SHA256())
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)


def serving(kind: str = "self signed", *, most: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """For a server that shows this certificate and speaks TLS up to a version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pair.pem")
        file.write_bytes(pair(kind))
        context.load_cert_chain(file)
        context.load_verify_locations(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is old is deprecated
        if most is not None and most < ssl.TLSVersion.TLSv1_2:
            context.minimum_version = most
            context.set_ciphers("ALL:@SECLEVEL=0")
        if most is not None:
            context.maximum_version = most
    return context


def _named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _alternative_names(kind: str) -> x509.SubjectAlternativeName:
    if kind == "for another name":
        return x509.SubjectAlternativeName([x509.DNSName("elsewhere.example")])
    return x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
