"""Images of a tiny guest OS, and folders of machines. Nothing that a test starts outlives it."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings

from tests.virtual_machines.host import BOOT_SECONDS, FLAVOURS, IMAGE, Host
from tests.virtual_machines.libvirtd import Libvirtd, lacks
from upgrades.providers.base import ProviderError
from upgrades.providers.hosts.guest_image.__main__ import check_programs, make_image
from upgrades.providers.hosts.guest_image.packages import fetch
from upgrades.providers.hosts.guest_image.root import Flavour
from upgrades.providers.hosts.image_store import ImageStore

HERE = Path(__file__).parent
# What is common to both is seen with QEMU in each run; the rest with libvirt is in `make test-machines`.
BY_ALL = ("qemu", pytest.param("libvirt", marks=pytest.mark.slow))


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


@pytest.fixture(scope="session")
def libvirtd() -> Iterator[Libvirtd]:
    """A daemon of the tests' own."""
    yield from _running_libvirtd(is_apart=False)


@pytest.fixture
def libvirtd_apart() -> Iterator[Libvirtd]:
    yield from _running_libvirtd(is_apart=True)


def _running_libvirtd(*, is_apart: bool) -> Iterator[Libvirtd]:
    if lack := lacks():
        # Where everything must be tested, a test that is left out is a failure.
        pytest.fail(lack) if os.environ.get("CI") else pytest.skip(lack)
    daemon = Libvirtd(is_apart=is_apart)
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.end()


@pytest.fixture(scope="module", params=BY_ALL)
def module_host(
    request: pytest.FixtureRequest, images: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    """Machines that all tests of a file share."""
    yield from _host(request, request.param, images, tmp_path_factory.mktemp("host"))


@pytest.fixture(params=BY_ALL)
def host(request: pytest.FixtureRequest, images: Path, tmp_path: Path) -> Iterator[Host]:
    yield from _host(request, request.param, images, tmp_path)


@pytest.fixture
def libvirt_host(request: pytest.FixtureRequest, images: Path, tmp_path: Path) -> Iterator[Host]:
    yield from _host(request, "libvirt", images, tmp_path)


@pytest.fixture
def make_provider(host: Host) -> Callable[[], object]:
    return host.provider


def _host(request: pytest.FixtureRequest, name: str, images: Path, folder: Path) -> Iterator[Host]:
    own = {"uri": request.getfixturevalue("libvirtd").uri} if name == "libvirt" else {}
    host = Host(
        folder,
        {
            "images": str(images),
            "accelerator": "tcg",
            "memory_mb": 128,
            "boot_seconds": BOOT_SECONDS,
            "extensions_without_script": "succeed",
            "ports": [80],
            **own,
        },
        name,
    )
    try:
        yield host
    finally:
        host.end_all()
