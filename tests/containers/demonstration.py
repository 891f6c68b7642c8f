"""A whole Rollgrid with the demonstration's containers, in a project of its own of the tests' Incus."""

import http.client
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.containers.incus import Incus
from tests.end_to_end.installation import Installation, installation
from upgrades.providers.incus.demo import project

PATH = "demo/containers"
SKU = ("Rollgrid", "Guest", "tiny")


@contextmanager
def demonstration(incus: Incus, home: Path, machines: int, *, health_wait_seconds: int) -> Iterator[Installation]:
    """Its machines are being created. Nothing of them is left afterwards."""
    environment = {"INCUS_SOCKET": str(incus.socket), "ROLLGRID_HEALTH_WAIT_SECONDS": str(health_wait_seconds)}
    try:
        with installation(home, **environment) as running:
            running.manage("demo_machines", "incus", "--instances", str(machines))
            yield running
    finally:
        project.delete(incus.api)
        assert project.project(incus.api) is None


def served(up: Installation) -> Mapping[str, int]:
    """How many machines serve which version, as each says over HTTP."""
    return Counter(answer(up, row.number) for row in up.instances(PATH))


def answer(up: Installation, number: int) -> str:
    (address,) = [row.address for row in up.instances(PATH) if row.number == number]
    line = http.client.HTTPConnection(address, 80, timeout=10)
    with suppress(OSError):
        line.request("GET", "/cgi-bin/healthz")
        with line.getresponse() as response:
            return response.read().decode().strip()
    return ""
