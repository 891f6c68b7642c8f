"""Where a source's files are: a folder of this computer, or a web server (web.py). What is read is bounded, and stays within the source."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from upgrades.image_sources.errors import SourceError, one_line
from upgrades.image_sources.offers import MAX_IMAGE_BYTES, Offer

MAX_INDEX_BYTES = 64 * 1024 * 1024
SPARE_BYTES = 512 * 1024 * 1024  # that must be left on the disk besides a download
CHUNK_BYTES = 1024 * 1024


class Place(Protocol):
    async def read(self, path: str) -> bytes | None:
        """A small file; None where there is none. Raises SourceError."""

    def chunks(self, path: str) -> AsyncIterator[bytes]:
        """A big file. Raises SourceError."""

    async def size(self, path: str) -> int | None:
        """How big a file is; None where that is not known before it is read. Raises SourceError."""


class FolderPlace:
    def __init__(self, folder: Path) -> None:
        if not folder.is_absolute() or not folder.is_dir():
            raise SourceError(f"{folder} is not a folder on the workers' computer (give its whole path)")
        self._folder = folder.resolve()

    async def read(self, path: str) -> bytes | None:
        file = self._file(path)
        if not file.is_file():
            return None
        if file.stat().st_size > MAX_INDEX_BYTES:
            raise SourceError(f"{path} has more than {MAX_INDEX_BYTES} bytes")
        return await asyncio.to_thread(file.read_bytes)

    async def size(self, path: str) -> int | None:
        try:
            return self._file(path).stat().st_size
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {one_line(error.strerror)}") from error

    async def chunks(self, path: str) -> AsyncIterator[bytes]:
        try:
            with self._file(path).open("rb") as content:
                while chunk := await asyncio.to_thread(content.read, CHUNK_BYTES):
                    yield chunk
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {one_line(error.strerror)}") from error

    def _file(self, path: str) -> Path:
        file = (self._folder / path).resolve()
        if not file.is_relative_to(self._folder):
            raise SourceError(f"{path} leads out of {self._folder}; it is not used")
        return file


async def download(place: Place, offer: Offer, to: Path) -> None:
    """The offer's file, whole and verified. Raises SourceError, and then there is no file."""
    size = offer.size if offer.size is not None else await place.size(offer.path)
    free = shutil.disk_usage(to.parent).free - SPARE_BYTES
    if (size or 0) > free:
        raise SourceError(f"{offer.path} has {size} bytes, and {to.parent} has room for {max(0, free)}: make room")
    try:
        found, length = await _download(place, offer, to, min(size or MAX_IMAGE_BYTES, max(0, free)))
        if size is not None and length != size:
            raise SourceError(f"{offer.path} has {length} bytes, not {size}: it was not downloaded whole, or changed")
        if found != offer.sha256:
            raise SourceError(f"{offer.path} has the sha256 {found}, not {offer.sha256}: it was changed or is broken")
    except BaseException:
        to.unlink(missing_ok=True)
        raise


async def _download(place: Place, offer: Offer, to: Path, max_bytes: int) -> tuple[str, int]:
    """(sha256, length)."""
    digest, length = hashlib.sha256(), 0
    with to.open("wb") as file:
        async for chunk in place.chunks(offer.path):
            length += len(chunk)
            if length > max_bytes:
                raise SourceError(
                    f"{offer.path} has more than {max_bytes} bytes: more than it should, or than there is room for"
                )
            digest.update(chunk)
            await asyncio.to_thread(file.write, chunk)
    return digest.hexdigest(), length
