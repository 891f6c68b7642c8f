"""Ways to a libvirt daemon as from another computer: its URI, while a daemon of the tests' own listens there."""

import ipaddress
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.supervisor.starting import free_port
from tests.virtual_machines.libvirtd import Libvirtd, lacks
from tests.waiting import wait_until

SSHD = "/usr/sbin/sshd"
HERE = "127.0.0.1"


def lacking(line: str) -> str:
    """What this computer lacks for it, with what to do; "" for nothing."""
    no_sshd = (
        "" if line != "ssh" or Path(SSHD).exists() else "There is no sshd. As root: apt-get install openssh-server"
    )
    return lacks() or no_sshd


@contextmanager
def tcp(folder: Path) -> Iterator[str]:
    port = free_port()
    conf = f'listen_tls = 0\nlisten_tcp = 1\nlisten_addr = "{HERE}"\nauth_tcp = "none"\ntcp_port = "{port}"\n'
    with _running(conf):
        yield f"qemu+tcp://{HERE}:{port}/system"


@contextmanager
def tls(folder: Path) -> Iterator[str]:
    """Both sides show a certificate, of an authority that only they know."""
    authority = Authority(folder, "ca")
    authority.issue("server", ExtendedKeyUsageOID.SERVER_AUTH)
    authority.issue("client", ExtendedKeyUsageOID.CLIENT_AUTH)
    port = free_port()
    files = {"key_file": "serverkey.pem", "cert_file": "servercert.pem", "ca_file": "cacert.pem"}
    conf = "".join(f'{name} = "{folder / file}"\n' for name, file in files.items())
    conf += f'listen_tls = 1\nlisten_tcp = 0\nlisten_addr = "{HERE}"\ntls_port = "{port}"\n'
    with _running(conf):
        yield f"qemu+tls://{HERE}:{port}/system?pkipath={folder}"


@contextmanager
def ssh(folder: Path) -> Iterator[str]:
    """Its sshd sees the daemon's folders, and those of the computer's own libvirt it does not."""
    port = free_port()
    for name in ("host", "id"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized_keys").write_bytes((folder / "id.pub").read_bytes())
    (folder / "known_hosts").write_text(f"[{HERE}]:{port} {(folder / 'host.pub').read_text()}")
    options = {
        "ListenAddress": f"{HERE}:{port}",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "authorized_keys",
        "PermitRootLogin": "prohibit-password",
        "StrictModes": "no",
        "UsePAM": "no",
        "PidFile": "none",
    }
    (folder / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    # ssh looks for known hosts at home, whatever the environment says: libvirt finds this one first.
    program = folder / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -o UserKnownHostsFile={folder / "known_hosts"} "$@"\n')
    program.chmod(0o755)
    Path("/run/sshd").mkdir(exist_ok=True)
    with _running("") as daemon, pytest.MonkeyPatch.context() as patch, (folder / "sshd.log").open("wb") as log:
        command = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
        sshd = subprocess.Popen(["nsenter", "--target", str(daemon.pid), "--mount", *command], stderr=log)
        try:
            wait_until(lambda: b"Server listening" in (folder / "sshd.log").read_bytes(), what="sshd listens")
            patch.setenv("PATH", str(program.parent), prepend=":")
            yield f"qemu+ssh://root@{HERE}:{port}/system?keyfile={folder / 'id'}&no_tty=1"
        finally:
            sshd.terminate()
            sshd.wait(timeout=10)


LINES: Mapping[str, Callable[[Path], AbstractContextManager[str]]] = {"tcp": tcp, "tls": tls, "ssh": ssh}


class Authority:
    """That signs certificates for this computer, all in one folder, by the names that libvirt looks for."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._key = folder, rsa.generate_private_key(65537, 2048)
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        is_authority = x509.BasicConstraints(ca=True, path_length=None)
        certificate = self._begun(self._name, self._key).add_extension(is_authority, critical=True)
        self._write("cacert.pem", certificate.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def issue(self, name: str, purpose: ObjectIdentifier) -> None:
        key = rsa.generate_private_key(65537, 2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HERE)])
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HERE))])
        certificate = (
            self._begun(subject, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(address, critical=False)
            .sign(self._key, SHA256())
        )
        self._write(f"{name}cert.pem", certificate.public_bytes(Encoding.PEM))
        self._write(f"{name}key.pem", key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))

    def _begun(self, subject: x509.Name, key: rsa.RSAPrivateKey) -> x509.CertificateBuilder:
        begin, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)
        builder = x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
        return builder.not_valid_before(begin).not_valid_after(end)

    def _write(self, name: str, content: bytes) -> None:
        (self._folder / name).write_bytes(content)


@contextmanager
def _running(conf: str) -> Iterator[Libvirtd]:
    daemon = Libvirtd(conf=conf)
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.end()
