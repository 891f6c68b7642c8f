"""Images that are tars, as Incus takes them: read as a stream, and only the files that are wanted. Nothing is unpacked."""

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, cast

from upgrades.core.image_contents import ImageContents
from upgrades.providers.images.found import FILES, MAX_FILE_BYTES, MODULES, Found, Unreadable

MAX_UNPACKED_BYTES = 32 * 1024**3
MAX_MEMBERS = 5_000_000
HEAD_BYTES = 64 * 1024  # of a kernel
ROOT = "rootfs/"  # in an image of one file; a file for the root file system alone has no such folder
MAGIC: Mapping[bytes, Any] = {b"\x1f\x8b": gzip.GzipFile, b"\xfd7zXZ\x00": lzma.LZMAFile, b"BZh": bz2.BZ2File}
TAR_MAGIC = slice(257, 262)
FAULTS = (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error, OSError)


class _Bounded(io.RawIOBase):
    """A stream that ends with an error after so many bytes."""

    def __init__(self, stream: IO[bytes], max_bytes: int) -> None:
        self._stream, self._left = stream, max_bytes

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise Unreadable("it unpacks to too much")
        return content


def contents(file: Path, work: Path) -> ImageContents:
    """Raises Unreadable where it is no tar; of one that breaks off, what was found until then is not believed."""
    del work
    with _opened(file) as stream:
        found = Found()
        try:
            with tarfile.open(fileobj=_Bounded(stream, MAX_UNPACKED_BYTES), mode="r|") as tar:
                _read(tar, found)
        except FAULTS as error:
            raise Unreadable(str(error)) from error
    return found.contents()


def _opened(file: Path) -> IO[bytes]:
    with file.open("rb") as raw:
        head = raw.read(512)
    for magic, opened in MAGIC.items():
        if head.startswith(magic):
            return cast(IO[bytes], opened(file))
    if head[TAR_MAGIC] == b"ustar":
        return file.open("rb")
    raise Unreadable("it is no tar")


def _read(tar: tarfile.TarFile, found: Found) -> None:
    count = 0
    while member := tar.next():
        tar.members = []  # type: ignore[attr-defined]  # else it keeps all of them
        count += 1
        if count > MAX_MEMBERS:
            raise Unreadable("it has too many members")
        name = member.name.removeprefix("./")
        _take(tar, member, name.removeprefix(ROOT), found)


def _take(tar: tarfile.TarFile, member: tarfile.TarInfo, path: str, found: Found) -> None:
    folder, _, name = path.rpartition("/")
    if folder in MODULES and member.isdir():
        found.add_kernel(name)
    if not member.isreg() or member.size > MAX_FILE_BYTES:
        return
    if path in FILES:
        content = tar.extractfile(member)
        found.files[path] = content.read() if content else b""
    elif folder == "boot":
        content = tar.extractfile(member)
        found.add_kernel_file(name, content.read(HEAD_BYTES) if content else b"")
