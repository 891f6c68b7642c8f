"""Writes small files so that after a power cut they are old or new, never partial. Imports no Django: the supervisor uses it too."""

import os
import tempfile
from pathlib import Path


def replace(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file's content atomically: it is never seen half written, nor with a wider mode. Raises OSError."""
    draft = _draft(path, content, mode)
    try:
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
    _sync_folder(path.parent)


def create(path: Path, content: bytes, mode: int = 0o600) -> bool:
    """Write a file that is not there yet. False where it is: the first one stays. Raises OSError."""
    return place(Path(_draft(path, content, mode)), path)


def place(draft: Path, path: Path) -> bool:
    """Give a whole and synced file of the same folder the name `path`. False where there is one already, which stays; the draft goes."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return True


def _draft(path: Path, content: bytes, mode: int) -> str:
    """Write the content to a new file in the same folder and sync it: were it renamed before its bytes are on disk, it could end up empty.

    Returns its path.
    """
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
    except BaseException:
        os.unlink(draft)
        raise
    return draft


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
