"""One running Rollgrid for all clients."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.cloud import NEXT_VERSION, Cloud
from tests.stories import UBUNTU
from tests.supervisor.azure_emulator import AzureEmulator


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    home: Path = tmp_path_factory.mktemp("cloud") / "home"
    names = "localhost,127.0.0.1,[::1],management.azure.com"  # the last one is all that Ansible's collection asks for
    emulator = AzureEmulator(home, state=home, more={"ROLLGRID_ALLOWED_HOSTS": names})
    try:
        found = Cloud(emulator.settings())
        found.manage("publish_image", *UBUNTU, NEXT_VERSION)
        yield found
        emulator.end()
    finally:
        emulator.clean_up()
