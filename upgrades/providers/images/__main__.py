"""`python -m upgrades.providers.images FILE FOLDER`: what is in the image, as JSON. Started by reading.py, with an empty folder."""

import json
import resource
import sys
from contextlib import suppress
from pathlib import Path

from upgrades.core.image_contents import ImageContents, contents_to_json
from upgrades.providers.base import ProviderError
from upgrades.providers.images import archives, disks
from upgrades.providers.images.found import Unreadable

GIB = 1024**3
# Unpacking xz takes up to 100 MB, qemu-img maps much more than it uses.
LIMITS = {
    resource.RLIMIT_AS: 2 * GIB,
    resource.RLIMIT_CPU: 500,
    resource.RLIMIT_FSIZE: disks.MAX_DISK_BYTES,
    resource.RLIMIT_CORE: 0,
}


def main(file: Path, work: Path) -> ImageContents:
    for read in (archives.contents, disks.contents):
        with suppress(Unreadable, ProviderError, OSError, MemoryError):
            return read(file, work)
    return ImageContents()


if __name__ == "__main__":
    for name, limit in LIMITS.items():
        resource.setrlimit(name, (limit, limit))
    json.dump(contents_to_json(main(Path(sys.argv[1]), Path(sys.argv[2]))), sys.stdout)
