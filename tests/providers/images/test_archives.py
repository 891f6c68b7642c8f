"""What is in an image that is a tar: found without unpacking it, believed within limits."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from upgrades.core.image_contents import ImageContents
from upgrades.providers.images import archives
from upgrades.providers.images.found import Unreadable, packages_of_apk
from upgrades.providers.images.reading import contents_of

OS_RELEASE = b'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n# ID=no\n'
STATUS = b"""Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2.15-2
Description: shell
 Version: 9

Package: gone
Status: deinstall ok config-files
Version: 1.0

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9

Package: libc6
Status: install ok installed
Architecture: i386
Version: 2.36-8
"""
DEBIAN = {
    "metadata.yaml": b"architecture: x86_64\n",
    "rootfs/usr/lib/os-release": OS_RELEASE,
    "rootfs/var/lib/dpkg/status": STATUS,
    "rootfs/boot/vmlinuz-6.1.0-56-amd64": b"",
}
EXPECTED = ImageContents(
    "debian",
    "12",
    "Debian GNU/Linux 12 (bookworm)",
    "6.1.0-56-amd64",
    {"bash": "5.2.15-2", "libc6:amd64": "2.36-9", "libc6:i386": "2.36-8"},
)


def tar_of(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return packed.getvalue()


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress, bz2.compress])
def test_an_archive_is_read_for_its_contents(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    file = tmp_path / "a.tar"
    file.write_bytes(pack(tar_of(DEBIAN)))
    assert contents_of(file, tmp_path) == EXPECTED
    assert list(tmp_path.iterdir()) == [file]


def test_a_root_file_system_alone_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "rootfs.tar.xz"
    file.write_bytes(lzma.compress(tar_of({name.removeprefix("rootfs/"): content for name, content in DEBIAN.items()})))
    assert contents_of(file, tmp_path) == EXPECTED


def test_the_names_of_a_system_without_dpkg(tmp_path: Path) -> None:
    files = {"./rootfs/etc/os-release": b"NAME=Tiny\nVERSION_ID=3\n", "./rootfs/lib/modules/6.6.1-0-lts": b""}
    file = tmp_path / "a.tar"
    file.write_bytes(tar_of(files))
    found = archives.contents(file, tmp_path)
    assert (found.os_name, found.packages, found.kernel) == ("Tiny 3", None, ""), "a file is no folder of modules"
    assert packages_of_apk(b"P:musl\nV:1.2.4-r2\nT:the c library\n\nP:odd\n") == {"musl": "1.2.4-r2"}


def test_links_and_ways_out_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("ID=secret\n")
    names = {f"rootfs/../{secret}": OS_RELEASE, f"{secret}": OS_RELEASE, "rootfs/x/../etc/os-release": OS_RELEASE}
    file = tmp_path / "a.tar"
    file.write_bytes(tar_of(names, {"rootfs/etc/os-release": str(secret)}))
    assert not archives.contents(file, tmp_path).is_known
    assert secret.read_text() == "ID=secret\n"


def test_an_archive_that_unpacks_to_too_much_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.tar.gz"
    file.write_bytes(gzip.compress(tar_of({**DEBIAN, "rootfs/zeros": bytes(8 * 1024**2)})))
    assert archives.contents(file, tmp_path) == EXPECTED
    monkeypatch.setattr(archives, "MAX_UNPACKED_BYTES", 1024**2)
    with pytest.raises(Unreadable):
        archives.contents(file, tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(archives, "MAX_MEMBERS", 2)
    with pytest.raises(Unreadable):
        archives.contents(file, tmp_path)


def test_a_file_that_is_broken_off_or_no_image_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.tar.gz"
    whole = gzip.compress(tar_of({**DEBIAN, "rootfs/more": b"".join(bytes([i % 251]) * 7 for i in range(9999))}))
    for content in (whole[: len(whole) - 20], b"<html>404</html>", b"", b"\x1f\x8b" + bytes(600)):
        file.write_bytes(content)
        assert contents_of(file, tmp_path) == ImageContents()
    assert contents_of(tmp_path / "nothing", tmp_path) == ImageContents()


def test_claims_of_an_image_are_kept_short(tmp_path: Path) -> None:
    files = {"rootfs/etc/os-release": b"ID=a\x1b[2J\nPRETTY_NAME=" + b"x" * 9999, "rootfs/boot/vmlinuz-$(reboot)": b""}
    file = tmp_path / "a.tar"
    file.write_bytes(tar_of(files))
    found = contents_of(file, tmp_path)
    assert (found.os_id, len(found.os_name), found.kernel) == ("a[2J", 200, "")
