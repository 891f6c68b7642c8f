"""`manage.py demo`: a fleet worth looking at. Doing it again changes nothing."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone

from upgrades import catalog
from upgrades.commands.images import publish_image
from upgrades.commands.load_balancers import put_load_balancer
from upgrades.commands.scale_sets import set_model
from upgrades.core.documents import MOST_INSTANCES
from upgrades.core.facts import ImageReference
from upgrades.core.versions import is_older
from upgrades.management.door import Door, whole_number
from upgrades.models import ScaleSet

GROUP = "demo"
BALANCER = "demo-lb"
MOST_SETS = 1000
# name, location, image, instances, seconds to boot; image as publisher, offer, sku, first version
FLEET = [
    ("web-frontend", "westeurope", ("Canonical", "UbuntuServer", "16.04-LTS", "16.04.201808140"), 60, 3),
    ("api-gateway", "westeurope", ("Canonical", "UbuntuServer", "18.04-LTS", "18.04.201808080"), 24, 2),
    ("batch-workers", "northeurope", ("Canonical", "UbuntuServer", "16.04-LTS", "16.04.201808140"), 400, 2),
    (
        "intranet",
        "swedencentral",
        ("MicrosoftWindowsServer", "WindowsServer", "2016-Datacenter", "2016.127.20180613"),
        20,
        6,
    ),
    ("cache", "eastus", ("CoreOS", "CoreOS", "Stable", "1855.4.0"), 10, 1),
    ("legacy", "westus", ("OpenLogic", "CentOS", "7.5", "7.5.20180815"), 12, 4),
]


class Command(Door):
    help = "Makes the demonstration fleet, run by the simulator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--sets", type=whole_number(1, MOST_SETS), default=len(FLEET), metavar="N", help="how many")
        parser.add_argument("--instances", type=whole_number(0, MOST_INSTANCES), metavar="M", help="instances in each")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        for _name, _location, image, _count, _boot in FLEET:
            _publish_first(image, now)
        made = sum(self._make(index, options["instances"], now) for index in range(options["sets"]))
        self.stdout.write(f"the demonstration fleet has {options['sets']} scale sets ({made} of them new)")

    def _make(self, index: int, instances: int | None, now: datetime) -> bool:
        name, location, image, count, boot = FLEET[index % len(FLEET)]
        name = name if index < len(FLEET) else f"{name}-{index // len(FLEET) + 1}"
        if ScaleSet.objects.filter(key=ScaleSet.key_of(GROUP, name)).exists():
            return False
        put_load_balancer(f"{GROUP}/{BALANCER}-{location}", _balancer(location), now)
        document = _document(name, location, image, count if instances is None else instances, boot)
        set_model(f"{GROUP}/{name}", document, now)
        return True


def _publish_first(image: tuple[str, str, str, str], now: datetime) -> None:
    reference = ImageReference(*image)
    sku = catalog.find_sku(reference.publisher, reference.offer, reference.sku)
    known = sku.versions.values_list("version", flat=True) if sku else ()
    if all(is_older(version, reference.version) for version in known):
        publish_image(reference, now)


def _balancer(location: str) -> dict[str, Any]:
    http = {"protocol": "Http", "port": 80, "requestPath": "/health", "intervalInSeconds": 5, "numberOfProbes": 2}
    return {"location": location, "properties": {"probes": [{"name": "http", "properties": http}]}}


def _document(name: str, location: str, image: tuple[str, str, str, str], count: int, boot: int) -> dict[str, Any]:
    publisher, offer, sku, _ = image
    balancer = f"providers/Microsoft.Network/loadBalancers/{BALANCER}-{location}"
    probe = f"/subscriptions/demo/resourceGroups/{GROUP}/{balancer}/probes/http"
    return {
        "location": location,
        "tags": {"rollgrid-sim-boot-seconds": str(boot)},
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
