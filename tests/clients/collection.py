"""`python -m tests.clients.collection WHEEL FOLDER`: unpacks Azure's collection from PyPI's `ansible`."""

import shutil
import sys
from pathlib import Path
from zipfile import ZipFile

OURS = "ansible_collections/azure/azcollection/"


def unpack(wheel: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with ZipFile(wheel) as packed:
        packed.extractall(folder, [name for name in packed.namelist() if name.startswith(OURS)])


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
