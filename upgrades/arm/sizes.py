"""What a location has: sizes of machines, SKUs of scale sets, and how much of everything is used.

Sizes are Azure's own (core/machine_sizes.py); what is used is counted. No location has a limit for itself: its provider says for each scale
set how many more machines it would make, when an upgrade with surge asks it.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.db.models import Count

from upgrades.arm import filters, ids
from upgrades.arm.answers import Answer, everything
from upgrades.arm.filters import Shown
from upgrades.arm.options import FILTER, takes
from upgrades.arm.requests import Call, resource
from upgrades.arm.scale_sets import find, find_location
from upgrades.core.documents import MAX_INSTANCES
from upgrades.core.json_fields import get_field
from upgrades.core.machine_sizes import MachineSize, cores_of, machine_sizes
from upgrades.core.resource_kinds import KINDS
from upgrades.models import LoadBalancer, Location, ScaleSet, StoredResource

NO_LIMIT = 2**31 - 1  # clients want a whole number
OS_DISK_MB = 1_047_552
ZONES = ("1", "2", "3")


def vm_sizes(call: Call, location: str) -> Answer:
    """GET L/vmSizes"""
    find_location(location)
    return everything([_vm_size(size) for size in machine_sizes().values()])


def _vm_size(size: MachineSize) -> dict[str, Any]:
    return {
        "name": size.name,
        "numberOfCores": size.cores,
        "osDiskSizeInMB": OS_DISK_MB,
        "resourceDiskSizeInMB": size.memory_mb * 2,
        "memoryInMB": size.memory_mb,
        "maxDataDiskCount": size.max_data_disks,
    }


@takes(FILTER)
def skus(call: Call) -> Answer:
    """GET S/providers/Microsoft.Compute/skus?$filter=location eq 'westeurope'"""
    given = call.query.get(FILTER, "").strip()
    meant = filters.read(given, ("location",)) if given else None
    places = [row.name for row in Location.objects.all()]
    meant_places = [name for name in places if meant is None or meant(Shown({"location": (name,)}))]
    return everything([_sku(size, place) for place in meant_places for size in machine_sizes().values()])


def _sku(size: MachineSize, place: str) -> dict[str, Any]:
    capabilities = {
        "vCPUs": size.cores,
        "vCPUsAvailable": size.cores,
        "MemoryGB": size.memory_mb / 1024,
        "MaxDataDiskCount": size.max_data_disks,
        "OSVhdSizeMB": OS_DISK_MB,
        "MaxResourceVolumeMB": size.memory_mb * 2,
        "HyperVGenerations": "V1,V2",
        "CpuArchitectureType": "Arm64" if "ps_v" in size.name else "x64",
        "PremiumIO": "s" in size.name.removeprefix("Standard_").lower(),
        "EphemeralOSDiskSupported": False,
        "AcceleratedNetworkingEnabled": False,
        "EncryptionAtHostSupported": False,
    }
    return {
        "resourceType": "virtualMachines",
        "name": size.name,
        "tier": "Standard",
        "size": size.name.removeprefix("Standard_"),
        "family": size.family,
        "locations": [place],
        "locationInfo": [{"location": place, "zones": list(ZONES), "zoneDetails": []}],
        "capabilities": [{"name": name, "value": str(value)} for name, value in capabilities.items()],
        "restrictions": [],
    }


def of_scale_set(call: Call, group: str, name: str) -> Answer:
    """GET V/skus: the sizes to which it could be changed, its own first."""
    row = find(group, name)
    own = str(get_field(row.document, "sku", "name") or "")
    names = [own, *(size.name for size in machine_sizes().values() if size.name.lower() != own.lower())]
    capacity = {"minimum": 0, "maximum": MAX_INSTANCES, "defaultCapacity": row.capacity, "scaleType": "Automatic"}
    return everything(
        [
            {"resourceType": ids.SCALE_SETS, "sku": {"name": size, "tier": "Standard"}, "capacity": capacity}
            for size in names
            if size
        ]
    )


def usages(call: Call, location: str) -> Answer:
    """GET L/usages"""
    place = find_location(location)
    counted = ScaleSet.objects.filter(location=place).annotate(machines=Count("instances"))
    machines = list(counted.values_list("document", "machines"))
    cores = sum((cores_of(get_field(document, "sku", "name")) or 0) * number for document, number in machines)
    availability_sets = StoredResource.objects.filter(location=place, type="Microsoft.Compute/availabilitySets")
    used = {
        "availabilitySets": ("Availability Sets", availability_sets.count()),
        "cores": ("Total Regional vCPUs", cores),
        "virtualMachines": ("Virtual Machines", sum(number for _, number in machines)),
        "virtualMachineScaleSets": ("Virtual Machine Scale Sets", len(machines)),
    }
    return everything([_usage(name, says, number) for name, (says, number) in used.items()])


def network_usages(call: Call, location: str) -> Answer:
    """GET S/providers/Microsoft.Network/locations/{location}/usages"""
    place = find_location(location)
    rows = StoredResource.objects.filter(location=place).values_list("type").annotate(number=Count("pk"))
    counted: Mapping[str, int] = Counter(dict(rows.order_by()))
    balancers = {"Microsoft.Network/loadBalancers": LoadBalancer.objects.filter(location=place).count()}
    shown = [kind for kind in KINDS if kind.namespace == ids.NETWORK]
    id = f"{ids.of_subscription(call.subscription)}/providers/{ids.NETWORK}/locations/{place.name}/usages"
    return everything([_network_usage(id, kind.type, balancers.get(kind.type, counted[kind.type])) for kind in shown])


def _network_usage(id: str, type: str, number: int) -> dict[str, Any]:
    name = type.partition("/")[2]
    name = name[:1].upper() + name[1:]
    return {"id": f"{id}/{name}", **_usage(name, name, number)}


def _usage(name: str, says: str, number: int) -> dict[str, Any]:
    return {
        "unit": "Count",
        "currentValue": number,
        "limit": NO_LIMIT,
        "name": {"value": name, "localizedValue": says},
    }


VM_SIZES = resource(ids.COMPUTE, GET=vm_sizes)
SKUS = resource(ids.COMPUTE, GET=skus)
OF_SCALE_SET = resource(ids.COMPUTE, GET=of_scale_set)
USAGES = resource(ids.COMPUTE, GET=usages)
NETWORK_USAGES = resource(ids.NETWORK, GET=network_usages)
