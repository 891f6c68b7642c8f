"""`manage.py demo_machines qemu` or `libvirt`: a scale set of real virtual machines to look at. Doing it again changes nothing."""

import asyncio
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from upgrades.commands.images import publish_image
from upgrades.commands.load_balancers import put_load_balancer
from upgrades.commands.scale_sets import set_model
from upgrades.core.facts import ImageReference
from upgrades.installation import PROGRAM
from upgrades.management.base import UpgradeCommand, whole_number
from upgrades.models import ImageSku, Location, ScaleSet
from upgrades.providers import load
from upgrades.providers.base import ProviderError, ScaleSetReference
from upgrades.providers.hosts import programs
from upgrades.providers.hosts.image_store import ImageStore

GROUP, NAME, BALANCER = "demo", "machines", "machines-lb"
LOCATIONS = {"qemu": ("thishost", "This host"), "libvirt": ("thishost-libvirt", "libvirt on this host")}
IMAGE = ImageReference("Rollgrid", "Guest", "tiny", "1.0.0")
SETTINGS = {"memory_mb": 128, "ports": [80]}
PROBE_PATH = "/cgi-bin/healthz"
MAX_MACHINES = 50


class Command(UpgradeCommand):
    help = "Creates a location for virtual machines on this host, and a scale set there, with the tiny guest OS of `make vm-image`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("provider", choices=list(LOCATIONS))
        parser.add_argument("--instances", type=whole_number(1, MAX_MACHINES), default=5, metavar="N")

    def handle(self, *args: Any, **options: Any) -> None:
        provider, home = options["provider"], Path(settings.ROLLGRID_HOME)
        check_host(home)
        location = Location.objects.filter(name=LOCATIONS[provider][0]).first()
        own = location.settings if location else settings_of(provider, home)
        check_answer(provider, home, own)
        now = timezone.now()
        if ScaleSet.objects.filter(key=ScaleSet.key_of(GROUP, NAME)).exists():
            self.stdout.write(f"{GROUP}/{NAME} is there already")
            return
        _make(provider, own, options["instances"], now)
        self.stdout.write(
            f"{GROUP}/{NAME} has {options['instances']} virtual machines on this host. Upgrade them: "
            f"{PROGRAM} publish_image {IMAGE.publisher} {IMAGE.offer} {IMAGE.sku} 1.1.0 (1.2.0 is sick, 1.3.0 never boots). "
            f"They run on until {PROGRAM} delete_scale_set {GROUP}/{NAME}."
        )


def check_host(home: Path) -> None:
    """Raises CommandError, which names all that is missing."""
    if lacking := programs.missing(("qemu-system-x86_64", "qemu-img", "genisoimage")):
        raise CommandError(programs.how_to_install(lacking))
    try:
        ImageStore(home / "qemu" / "images").find(IMAGE)
    except ProviderError as error:
        raise CommandError(f"{error.message} `make vm-image` makes it.") from error


def settings_of(provider: str, home: Path) -> dict[str, Any]:
    """With libvirt: root's own machines are the system's. The images are those that `make vm-image` made for QEMU."""
    if provider != "libvirt":
        return SETTINGS
    uri = "qemu:///system" if os.geteuid() == 0 else "qemu:///session"
    return {**SETTINGS, "uri": uri, "images": str(home / "qemu" / "images")}


def check_answer(provider: str, home: Path, own: Mapping[str, object]) -> None:
    """Raises CommandError where the host does not answer the provider."""

    async def views() -> None:
        asked = load(provider, home, own)
        try:
            await asked.views(ScaleSetReference(f"{GROUP}/{NAME}"))
        finally:
            await asked.close()

    try:
        asyncio.run(views())
    except ProviderError as error:
        raise CommandError(error.message) from error


def _make(provider: str, own: Mapping[str, object], instances: int, now: datetime) -> None:
    name, shown = LOCATIONS[provider]
    location, _ = Location.objects.get_or_create(
        name=name, defaults={"display_name": shown, "provider": provider, "settings": own}
    )
    names = {"publisher": IMAGE.publisher, "offer": IMAGE.offer, "sku": IMAGE.sku}
    sku, _ = ImageSku.objects.get_or_create(key=ImageSku.key_of(**names), defaults={**names, "os_type": "Linux"})
    if not sku.published_in(location).exists():
        publish_image(IMAGE, now, locations=[name])
    probe = {"protocol": "Http", "port": 80, "requestPath": PROBE_PATH, "intervalInSeconds": 5, "numberOfProbes": 2}
    balancer = {"location": name, "properties": {"probes": [{"name": "http", "properties": probe}]}}
    put_load_balancer(f"{GROUP}/{BALANCER}", balancer, now)
    set_model(f"{GROUP}/{NAME}", _document(name, instances), now)


def _document(location: str, instances: int) -> dict[str, Any]:
    balancer = f"/subscriptions/demo/resourceGroups/{GROUP}/providers/Microsoft.Network/loadBalancers/{BALANCER}"
    image = {"publisher": IMAGE.publisher, "offer": IMAGE.offer, "sku": IMAGE.sku, "version": "latest"}
    return {
        "location": location,
        "sku": {"name": "Standard_B1s", "tier": "Standard", "capacity": instances},
        "properties": {
            "upgradePolicy": {"mode": "Manual", "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}},
            "virtualMachineProfile": {
                "storageProfile": {
                    "imageReference": image,
                    "dataDisks": [{"lun": 0, "diskSizeGB": 1, "createOption": "Empty"}],
                },
                "osProfile": {"computerNamePrefix": "machine"},
                "networkProfile": {"healthProbe": {"id": f"{balancer}/probes/http"}},
            },
        },
    }
