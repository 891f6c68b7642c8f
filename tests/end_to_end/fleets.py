"""Fleets that stories tell of, made at the command line."""

from collections.abc import Mapping
from itertools import count

from tests.end_to_end.installation import Installation
from tests.stories import WINDOWS, document

_versions = count(1)


def next_version() -> str:
    """Newer than all that the stories before published, whatever their order."""
    return f"2016.127.{20180000 + next(_versions)}"


def publish(up: Installation, version: str) -> None:
    up.manage("publish_image", *WINDOWS, version)


def put_fleet(
    up: Installation,
    path: str,
    instances: int,
    *,
    boot: str = "1",
    deferred: bool = False,
    rolling: Mapping[str, object] | None = None,
    **tags: str,
) -> None:
    """A scale set whose application is probed over HTTP through a load balancer. `deferred`: its upgrades wait for approval."""
    http = {"protocol": "Http", "port": 80, "requestPath": "/health", "intervalInSeconds": 5, "numberOfProbes": 1}
    balancer = {"location": "westeurope", "properties": {"probes": [{"name": "http", "properties": http}]}}
    up.put("fleet/lb", balancer, kind="load_balancer")
    probe_id = "/subscriptions/s/resourceGroups/fleet/providers/Microsoft.Network/loadBalancers/lb/probes/http"
    tags = {
        "rollgrid-sim-boot-seconds": boot,
        **{f"rollgrid-sim-{name.replace('_', '-')}": tag for name, tag in tags.items()},
    }
    body = document(image=WINDOWS, capacity=instances, probe_id=probe_id, tags=tags, rolling=rolling)
    body["properties"]["virtualMachineProfile"]["storageProfile"]["dataDisks"] = [{"lun": 0, "diskSizeGB": 64}]
    body["properties"]["upgradePolicy"]["automaticOSUpgradePolicy"]["osRollingUpgradeDeferral"] = deferred
    up.put(path, body)
    up.wait_healthy(path)
