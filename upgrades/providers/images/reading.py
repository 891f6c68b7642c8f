"""Reads what is in an image file, in a process of its own with limits: a file can be made to unpack to anything."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from upgrades.core.image_contents import ImageContents, contents_from_json
from upgrades.installation import ROOT

SECONDS = 600.0
MAX_BYTES = 16 * 1024 * 1024  # of the answer
# On the path of the reading process, wherever the program was started.
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PATH": os.defpath + ":/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}


def contents_of(file: Path, folder: Path) -> ImageContents:
    """What is in the file; what cannot be found out is not known. `folder`: for a draft as big as the disk. Blocks: threads only."""
    try:
        # Made here, not there: what is ended for its time leaves its draft.
        with tempfile.TemporaryDirectory(dir=folder, prefix="reading-") as work:
            return contents_from_json(json.loads(_said(file.absolute(), Path(work).absolute())))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ImageContents()


def _said(file: Path, work: Path) -> bytes:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "upgrades.providers.images", str(file), str(work)],
        cwd="/",
        env={**os.environ, **ENVIRONMENT},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=SECONDS,
    )
    return done.stdout[:MAX_BYTES]
