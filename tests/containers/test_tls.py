"""An Incus on another computer: over HTTPS, with a client certificate that it trusts, and its own certificate that we know."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.containers.incus import SETTINGS, Incus
from tests.providers.contract import NEW, OLD, create, delete, done, play, reimage
from tests.supervisor.starting import free_port
from upgrades.providers import load
from upgrades.providers.base import Provider, ProviderError, ScaleSetReference
from upgrades.providers.hosts.driver import HOST_UNAVAILABLE


@dataclass(frozen=True)
class Client:
    """The files of a client, and its certificate in DER."""

    certificate: Path
    key: Path
    der: bytes


def make_client(folder: Path, name: str) -> Client:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    client = Client(folder / f"{name}.crt", folder / f"{name}.key", certificate.public_bytes(Encoding.DER))
    client.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    client.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return client


@pytest.fixture
def url(incus: Incus) -> Iterator[str]:
    """Where it listens for other computers."""
    address = f"127.0.0.1:{free_port()}"
    incus.ask("PATCH", "/1.0", {"config": {"core.https_address": address}})
    yield f"https://{address}"
    incus.ask("PATCH", "/1.0", {"config": {"core.https_address": ""}})


def test_a_trusted_client_swaps_os_disks(incus: Incus, url: str, scale_set: ScaleSetReference, tmp_path: Path) -> None:
    client, server = make_client(tmp_path, "rollgrid"), incus.state / "server.crt"
    settings = {
        **SETTINGS,
        "url": url,
        "client_certificate": str(client.certificate),
        "client_key": str(client.key),
        "server_certificate": str(server),
    }

    def provider(**more: object) -> Provider:
        return load("incus", tmp_path / "home", {**settings, **more})

    def refused(**more: object) -> str:
        with pytest.raises(ProviderError) as caught:
            play(lambda: provider(**more), lambda provider: provider.views(scale_set))
        assert (caught.value.code, caught.value.permanent) == (HOST_UNAVAILABLE, False)
        return caught.value.message

    assert "incus config trust add-certificate" in refused(), "not trusted yet"
    certificate = base64.b64encode(client.der).decode()
    incus.ask("POST", "/1.0/certificates", {"type": "client", "name": "rollgrid", "certificate": certificate})
    assert "is not the one in the setting `server_certificate`" in refused(
        server_certificate=str(client.certificate)
    ), "another server's"

    async def story(provider: Provider) -> None:
        (made,) = await done(provider, create(scale_set, "0", OLD))
        (swapped,) = await done(provider, reimage(scale_set, "0", NEW))
        assert (made.version, swapped.version) == (OLD, NEW)
        assert swapped.data_disks == made.data_disks
        await done(provider, delete(scale_set, "0"))
        assert await provider.views(scale_set) == {}

    play(provider, story)
