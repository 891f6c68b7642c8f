"""`manage.py demo_machines qemu`, `libvirt` or `incus`: a scale set of real machines to look at. Doing it again changes nothing."""

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
from upgrades.providers.incus.demo import project
from upgrades.providers.incus.demo.api import Api, Refused
from upgrades.providers.incus.demo.tiny_image import busybox
from upgrades.providers.incus.settings import ALIAS

GROUP = "demo"
IMAGE = ImageReference("Rollgrid", "Guest", "tiny", "1.0.0")
SETTINGS = {"memory_mb": 128, "ports": [80]}
PROBE_PATH = "/cgi-bin/healthz"
MAX_MACHINES = 200


@dataclass(frozen=True, slots=True)
class Kind:
    """What is made with a provider. `prepare`: the location's settings; raises CommandError, which names all that is missing."""

    name: str
    location: str
    shown_location: str
    machines: str
    instances: int
    prepare: Callable[[Path], dict[str, Any]]

    @property
    def path(self) -> str:
        return f"{GROUP}/{self.name}"


class Command(UpgradeCommand):
    help = "Creates a location for real machines on this host, and a scale set there, with a tiny guest OS."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("provider", choices=list(KINDS))
        parser.add_argument("--instances", type=whole_number(1, MAX_MACHINES), metavar="N")

    def handle(self, *args: Any, **options: Any) -> None:
        provider, home = options["provider"], Path(settings.ROLLGRID_HOME)
        kind = KINDS[provider]
        prepared = kind.prepare(home)
        location = Location.objects.filter(name=kind.location).first()
        own = location.settings if location else prepared
        check_answer(provider, home, own, kind)
        now = timezone.now()
        if ScaleSet.objects.filter(key=kind.path).exists():
            self.stdout.write(f"{kind.path} is there already")
            return
        instances = options["instances"] or kind.instances
        _make(provider, kind, own, instances, now)
        self.stdout.write(
            f"{kind.path} has {instances} {kind.machines} on this host. Upgrade them: "
            f"{PROGRAM} publish_image {IMAGE.publisher} {IMAGE.offer} {IMAGE.sku} 1.1.0 (1.2.0 is sick, 1.3.0 never boots). "
            f"They run on until {PROGRAM} delete_scale_set {kind.path}."
        )


def check_host(home: Path) -> None:
    """Raises CommandError, which names all that is missing."""
    if lacking := programs.missing(("qemu-system-x86_64", "qemu-img", "genisoimage")):
        raise CommandError(programs.how_to_install(lacking))
    try:
        ImageStore(home / "qemu" / "images").find(IMAGE)
    except ProviderError as error:
        raise CommandError(f"{error.message} `make vm-image` makes it.") from error


def prepare_qemu(home: Path) -> dict[str, Any]:
    check_host(home)
    return SETTINGS


def prepare_libvirt(home: Path) -> dict[str, Any]:
    """Root's own machines are the system's. The images are those that `make vm-image` made for QEMU."""
    check_host(home)
    uri = "qemu:///system" if os.geteuid() == 0 else "qemu:///session"
    return {**SETTINGS, "uri": uri, "images": str(home / "qemu" / "images")}


def prepare_incus(home: Path) -> dict[str, Any]:
    """The project and the images of the demonstration are made, in the Incus of this computer."""
    if busybox() is None:
        raise CommandError("the guest is made of a static busybox: apt install busybox-static")
    api = Api(project.socket())
    if not api.answers():
        raise CommandError(
            f"no Incus answers at {api.socket}: install it (docs/providers.md), start it, and let this user into its group `incus-admin`; "
            "INCUS_SOCKET names another place. `make run-incus` as root starts one of its own."
        )
    try:
        if lack := project.lacks(api):
            raise CommandError(f"the Incus at {api.socket} is not ready: {lack}")
        project.make(api, IMAGE, ALIAS)
        return {"socket": str(api.socket), "project": project.PROJECT, "pool": project.pool(api)}
    except (OSError, Refused) as error:
        raise CommandError(f"the Incus at {api.socket} does not do it: {error}") from error


KINDS: Mapping[str, Kind] = {
    "qemu": Kind("machines", "thishost", "This host", "virtual machines", 5, prepare_qemu),
    "libvirt": Kind("machines", "thishost-libvirt", "libvirt on this host", "virtual machines", 5, prepare_libvirt),
    "incus": Kind("containers", "thishost-incus", "Incus on this host", "containers", 20, prepare_incus),
}


def check_answer(provider: str, home: Path, own: Mapping[str, object], kind: Kind) -> None:
    """Raises CommandError where the host does not answer the provider."""

    async def views() -> None:
        asked = load(provider, home, own)
        try:
            await asked.views(ScaleSetReference(kind.path))
        finally:
            await asked.close()

    try:
        asyncio.run(views())
    except ProviderError as error:
        raise CommandError(error.message) from error


def _make(provider: str, kind: Kind, own: Mapping[str, object], instances: int, now: datetime) -> None:
    location, _ = Location.objects.get_or_create(
        name=kind.location, defaults={"display_name": kind.shown_location, "provider": provider, "settings": own}
    )
    names = {"publisher": IMAGE.publisher, "offer": IMAGE.offer, "sku": IMAGE.sku}
    sku, _ = ImageSku.objects.get_or_create(key=ImageSku.key_of(**names), defaults={**names, "os_type": "Linux"})
    if not sku.published_in(location).exists():
        publish_image(IMAGE, now, locations=[kind.location])
    probe = {"protocol": "Http", "port": 80, "requestPath": PROBE_PATH, "intervalInSeconds": 5, "numberOfProbes": 2}
    balancer = {"location": kind.location, "properties": {"probes": [{"name": "http", "properties": probe}]}}
    put_load_balancer(f"{kind.path}-lb", balancer, now)
    set_model(kind.path, _document(kind, instances), now)


def _document(kind: Kind, instances: int) -> dict[str, Any]:
    balancer = f"/subscriptions/demo/resourceGroups/{GROUP}/providers/Microsoft.Network/loadBalancers/{kind.name}-lb"
    image = {"publisher": IMAGE.publisher, "offer": IMAGE.offer, "sku": IMAGE.sku, "version": "latest"}
    return {
        "location": kind.location,
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
