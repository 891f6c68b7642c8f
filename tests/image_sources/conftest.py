import os
import shutil
from collections.abc import Iterator

import pytest

from tests.image_sources.trees import Signer, signer


@pytest.fixture(scope="session")
def ubuntu() -> Iterator[Signer]:
    """Who may sign."""
    needs_gpg()
    with signer() as found:
        yield found


@pytest.fixture(scope="session")
def mallory() -> Iterator[Signer]:
    """Who may not."""
    needs_gpg()
    with signer() as found:
        yield found


def needs_gpg() -> None:
    if not shutil.which("gpg") or not shutil.which("gpgv"):
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up("Signatures cannot be tried: apt install gpg gpg-agent gpgv")
