"""Images of a tiny guest OS, and folders of machines. Nothing that a test starts outlives it."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings

from tests.virtual_machines.host import BOOT_SECONDS, FLAVOURS, IMAGE, Host
from upgrades.providers.base import ProviderError
from upgrades.providers.hosts.guest_image.__main__ import check_programs, make_image
from upgrades.providers.hosts.guest_image.packages import fetch
from upgrades.providers.hosts.guest_image.root import Flavour
from upgrades.providers.hosts.image_store import ImageStore

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.virtual_machines)
            item.add_marker(pytest.mark.timeout(10 * BOOT_SECONDS))


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each version of FLAVOURS lies. Where they cannot be made, the tests fail in CI and are skipped elsewhere."""
    try:
        check_programs()
        parts = fetch(settings.ROLLGRID_HOME / "cache" / "guest-image")
    except ProviderError as error:
        give_up = pytest.fail if os.environ.get("CI") else pytest.skip
        give_up(f"Real virtual machines cannot be tried: {error.message}")
    store = ImageStore(tmp_path_factory.mktemp("images"))
    for version, flavour in FLAVOURS.items():
        make_image(store, parts, replace(IMAGE, version=version), Flavour(flavour))
    return store.folder


@pytest.fixture(scope="module")
def module_host(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Machines that all tests of a file share."""
    yield from _host(images, tmp_path_factory.mktemp("host"))


@pytest.fixture
def host(images: Path, tmp_path: Path) -> Iterator[Host]:
    yield from _host(images, tmp_path)


@pytest.fixture
def make_provider(host: Host) -> Callable[[], object]:
    return host.provider


def _host(images: Path, folder: Path) -> Iterator[Host]:
    host = Host(
        folder,
        {
            "images": str(images),
            "accelerator": "tcg",
            "memory_mb": 128,
            "boot_seconds": BOOT_SECONDS,
            "extensions_without_script": "succeed",
            "ports": [80],
        },
    )
    try:
        yield host
    finally:
        host.end_all()
