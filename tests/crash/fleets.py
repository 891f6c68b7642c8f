"""The scale sets that everything is done to while processes die, and the versions that are rolled through them."""

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

from django.db import connections

from tests.end_to_end.installation import LIVE, Installation
from tests.stories import WINDOWS, document
from tests.waiting import wait_until
from upgrades.models import RollingUpgrade

FLEETS = {"crash/big": 110, "crash/middle": 60, "crash/small": 20, "crash/unprobed": 10}
# A simulator that is killed takes its machines' applications with it: an outage that the limits would rightly stop an upgrade for.
# Limits are tested elsewhere; here every upgrade shall end well, so that each lost or doubled step shows.
NO_LIMITS = {
    "maxBatchInstancePercent": 20,
    "maxUnhealthyInstancePercent": 100,
    "maxUnhealthyUpgradedInstancePercent": 100,
    "pauseTimeBetweenBatches": "PT0S",
}
HALVES = {**NO_LIMITS, "maxBatchInstancePercent": 50}  # two batches, where it does not matter how many there are
PROBE = {"protocol": "Http", "port": 80, "requestPath": "/health", "intervalInSeconds": 5, "numberOfProbes": 1}
PROBE_ID = "/subscriptions/s/resourceGroups/crash/providers/Microsoft.Network/loadBalancers/lb/probes/http"
_versions = count(1)


def put_fleets(
    up: Installation,
    fleets: Mapping[str, int] = FLEETS,
    *,
    boot: str = "1",
    rolling: Mapping[str, Any] = NO_LIMITS,
    bad: Iterable[str] = (),
) -> None:
    """Machines with data disks, and custom data whose every run the simulator writes down. `bad`: versions that never answer well."""
    tags = {"rollgrid-sim-boot-seconds": boot, "rollgrid-sim-bad-versions": ",".join(bad)}
    balancer = {"location": "westeurope", "properties": {"probes": [{"name": "http", "properties": PROBE}]}}
    up.put("crash/lb", balancer, kind="load_balancer")
    with ThreadPoolExecutor(len(fleets)) as people:
        bodies = [_body(path, instances, tags, rolling) for path, instances in fleets.items()]
        list(people.map(up.put, fleets, bodies))
    for path in fleets:
        up.wait_healthy(path)


def _body(path: str, instances: int, tags: Mapping[str, str], rolling: Mapping[str, Any]) -> dict[str, Any]:
    body = document(
        image=WINDOWS,
        capacity=instances,
        probe_id="" if "unprobed" in path else PROBE_ID,
        tags=tags,
        rolling=rolling,
        os_profile={"customData": "YQ=="},
    )
    body["properties"]["virtualMachineProfile"]["storageProfile"]["dataDisks"] = [{"lun": 0, "diskSizeGB": 64}]
    return body


def next_version() -> str:
    """Newer than all before."""
    return f"2016.127.{20180000 + next(_versions)}"


def publish(up: Installation, version: str = "") -> str:
    version = version or next_version()
    up.manage("publish_image", *WINDOWS, version)
    return version


def have_ended(paths: Iterable[str], version: str) -> bool:
    rows = RollingUpgrade.objects.using(LIVE).filter(target_version=version).exclude(ended_at=None)
    return set(paths) <= set(rows.values_list("scale_set__key", flat=True))


class Publisher:
    """Publishes a version, the next when every upgrade to it has ended, and so on until it is told to stop."""

    def __init__(self, up: Installation, paths: Iterable[str]) -> None:
        self.up = up
        self.paths = list(paths)
        self.published: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Publisher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Lets the last upgrade end first."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.published.append(publish(self.up))
                wait_until(lambda: have_ended(self.paths, self.published[-1]), seconds=180, what="the upgrades' end")
        finally:
            connections[LIVE].close()
