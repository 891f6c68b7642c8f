import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.containers.incus import Incus
from upgrades.providers.base import Provider, ScaleSetReference
from upgrades.providers.incus.demo.daemon import DIR, lacks

POOL_GB = 8  # a sparse file


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.containers)


@pytest.fixture(scope="session")
def incus() -> Iterator[Incus]:
    """A daemon for all of them: starting one takes seconds. `make test-incus-pools` says which storage pool it has."""
    if lack := lacks():
        # Where everything must be tested, a test that is left out is a failure.
        pytest.fail(lack) if "CI" in os.environ else pytest.skip(lack)
    driver = os.environ.get("ROLLGRID_INCUS_POOL", DIR)
    running = Incus(driver, pool_gb=0 if driver == DIR else POOL_GB)
    try:
        running.start()
        running.set_up()
        yield running
    finally:
        running.stop()


@pytest.fixture
def scale_set() -> ScaleSetReference:
    return ScaleSetReference(f"rg/s{uuid4().hex[:8]}")


@pytest.fixture
def make_provider(incus: Incus) -> Callable[[], Provider]:
    return incus.provider
