from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.providers.simulator import Simulator
from upgrades.providers.base import ScaleSetReference


@pytest.fixture(scope="session")
def shared_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One process for all stories that do not harm it. It must have had nothing to complain of in the end."""
    yield from _running(tmp_path_factory.mktemp("simulator"))


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A process of the test's own, to be killed, halted, started anew."""
    yield from _running(tmp_path)


@pytest.fixture
def scale_set() -> ScaleSetReference:
    """A new scale set whose machines boot at once."""
    return ScaleSetReference(f"rg/s{uuid4().hex[:8]}", {"rollgrid-sim-boot-seconds": "0"})


def _running(home: Path) -> Iterator[Simulator]:
    simulator = Simulator(home)
    simulator.start()
    try:
        yield simulator
    finally:
        code = simulator.stop()
    assert code == 0, simulator.log.read_text()
    assert "Traceback" not in simulator.log.read_text()
    assert "Warning" not in simulator.log.read_text()
