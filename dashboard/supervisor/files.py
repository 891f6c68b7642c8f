"""Writing files that others read."""

import os
import tempfile
from pathlib import Path


def write(path: Path, content: bytes, mode: int) -> None:
    """Replaces the file whole; it is never seen half written, nor with a wider mode."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
