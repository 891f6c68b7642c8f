"""`manage.py demo`: a fleet worth looking at. Doing it again changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades import catalog
from upgrades.commands.images import publish_image
from upgrades.commands.load_balancers import put_load_balancer
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.scale_sets import set_model
from upgrades.core.documents import MAX_INSTANCES
from upgrades.core.facts import ImageReference
from upgrades.core.versions import is_older
from upgrades.management.base import UpgradeCommand, whole_number
from upgrades.models import Instance, OptOut, ScaleSet
from upgrades.orchestrator.reconcile import reconcile

GROUP = "demo"
BALANCER = "demo-lb"
MAX_SETS = 1000
UBUNTU_16 = ("Canonical", "UbuntuServer", "16.04-LTS", "16.04.201808140")
UBUNTU_18 = ("Canonical", "UbuntuServer", "18.04-LTS", "18.04.201808080")
WINDOWS = ("MicrosoftWindowsServer", "WindowsServer", "2016-Datacenter", "2016.127.20180613")
COREOS = ("CoreOS", "CoreOS", "Stable", "1855.4.0")
CENTOS = ("OpenLogic", "CentOS", "7.5", "7.5.20180815")


@dataclass(frozen=True, slots=True)
class DemoSet:
    """A scale set of the fleet; `image` is publisher, offer, sku and a first version."""

    name: str
    location: str
    image: tuple[str, str, str, str]
    instances: int
    boot_seconds: int
    zones: Sequence[str] = ()


FLEET = (
    DemoSet("web-frontend", "westeurope", UBUNTU_16, 60, 3, zones=("1", "2", "3")),
    DemoSet("api-gateway", "westeurope", UBUNTU_18, 24, 2),
    DemoSet("batch-workers", "northeurope", UBUNTU_16, 400, 2),
    DemoSet("intranet", "swedencentral", WINDOWS, 20, 6),
    DemoSet("cache", "eastus", COREOS, 10, 1),
    DemoSet("legacy", "westus", CENTOS, 12, 4),
)
OPTED_OUT = ("api-gateway", 7)
OWNER = "Ada"
REASON = "Holds the sessions of the old mobile app until it is switched off"


class Command(UpgradeCommand):
    help = "Creates the demonstration fleet on simulated machines."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--sets", type=whole_number(1, MAX_SETS), default=len(FLEET), metavar="N", help="how many")
        parser.add_argument("--instances", type=whole_number(0, MAX_INSTANCES), metavar="M", help="instances in each")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        for demo_set in FLEET:
            _publish_first(demo_set.image, now)
        made = sum(self._make(index, options["instances"], now) for index in range(options["sets"]))
        _opt_one_out(now)
        self.stdout.write(f"the demonstration fleet has {options['sets']} scale sets ({made} of them new)")

    def _make(self, index: int, instances: int | None, now: datetime) -> bool:
        demo_set = FLEET[index % len(FLEET)]
        name = demo_set.name if index < len(FLEET) else f"{demo_set.name}-{index // len(FLEET) + 1}"
        if ScaleSet.objects.filter(key=ScaleSet.key_of(GROUP, name)).exists():
            return False
        put_load_balancer(f"{GROUP}/{BALANCER}-{demo_set.location}", _balancer(demo_set.location), now)
        document = _document(name, demo_set, demo_set.instances if instances is None else instances)
        set_model(f"{GROUP}/{name}", document, now)
        return True


def _opt_one_out(now: datetime) -> None:
    """Once: an opt-out that somebody ended stays ended. Its instance is brought into being first; the worker makes its machine."""
    name, number = OPTED_OUT
    row = ScaleSet.objects.filter(key=ScaleSet.key_of(GROUP, name), deleting=False).first()
    if row is None or OptOut.objects.filter(instance__scale_set=row).exists():
        return
    if not row.instances.exists():
        reconcile(row.pk, lambda: now)  # what it hands out is handed out again as soon as a worker reconciles
    chosen = Instance.objects.filter(scale_set=row, number=number)
    if chosen.exists():
        opt_out(f"{GROUP}/{name}", [str(number)], reason=REASON, owner=OWNER, now=now)


def _publish_first(image: tuple[str, str, str, str], now: datetime) -> None:
    reference = ImageReference(*image)
    sku = catalog.find_sku(reference.publisher, reference.offer, reference.sku)
    known = sku.versions.values_list("version", flat=True) if sku else ()
    if all(is_older(version, reference.version) for version in known):
        publish_image(reference, now)


def _balancer(location: str) -> dict[str, Any]:
    http = {"protocol": "Http", "port": 80, "requestPath": "/health", "intervalInSeconds": 5, "numberOfProbes": 2}
    return {"location": location, "properties": {"probes": [{"name": "http", "properties": http}]}}


def _document(name: str, demo_set: DemoSet, count: int) -> dict[str, Any]:
    publisher, offer, sku, _ = demo_set.image
    balancer = f"providers/Microsoft.Network/loadBalancers/{BALANCER}-{demo_set.location}"
    probe = f"/subscriptions/demo/resourceGroups/{GROUP}/{balancer}/probes/http"
    return {
        "location": demo_set.location,
        **({"zones": list(demo_set.zones)} if demo_set.zones else {}),
        "tags": {"rollgrid-sim-boot-seconds": str(demo_set.boot_seconds)},
        "sku": {"name": "Standard_D2s_v3", "tier": "Standard", "capacity": count},
        "properties": {
            "upgradePolicy": {"mode": "Manual", "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}},
            "virtualMachineProfile": {
                "storageProfile": {
                    "imageReference": {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"},
                    "dataDisks": [{"lun": 0, "diskSizeGB": 64, "createOption": "Empty"}],
                },
                "osProfile": {"computerNamePrefix": name[:9]},
                "networkProfile": {"healthProbe": {"id": probe}},
            },
        },
    }
