"""The ids of resources."""

from upgrades.core.resource_kinds import ResourceKind
from upgrades.models import ResourceGroup, ScaleSet, Subscription
from upgrades.models.stored_resource import ResourceDocument

COMPUTE = "Microsoft.Compute"
NETWORK = "Microsoft.Network"
SCALE_SETS = f"{COMPUTE}/virtualMachineScaleSets"
INSTANCES = f"{SCALE_SETS}/virtualMachines"
EXTENSIONS = f"{SCALE_SETS}/extensions"
INSTANCE_EXTENSIONS = f"{INSTANCES}/extensions"
ROLLING_UPGRADES = f"{SCALE_SETS}/rollingUpgrades"
LOAD_BALANCERS = f"{NETWORK}/loadBalancers"


def of_subscription(row: Subscription) -> str:
    return f"/subscriptions/{row.pk}"


def of_group(row: Subscription, group: str) -> str:
    return f"{of_subscription(row)}/resourceGroups/{group}"


def of_resource_group(row: Subscription, group: ResourceGroup) -> str:
    return of_group(row, group.name)


def of_scale_set(row: Subscription, scale_set: ScaleSet) -> str:
    return f"{of_group(row, scale_set.resource_group)}/providers/{SCALE_SETS}/{scale_set.name}"


def of_instance(row: Subscription, scale_set: ScaleSet, number: int) -> str:
    return f"{of_scale_set(row, scale_set)}/virtualMachines/{number}"


def of_resource(row: Subscription, kind: ResourceKind, found: ResourceDocument) -> str:
    """Of a stored resource."""
    return f"{of_group(row, found.resource_group)}/providers/{kind.type}/{found.name}"


def of_location(row: Subscription, location: str) -> str:
    return f"{of_subscription(row)}/locations/{location}"


def of_compute_location(row: Subscription, location: str) -> str:
    return f"{of_subscription(row)}/providers/{COMPUTE}/locations/{location}"


def of_image(row: Subscription, location: str, *names: str) -> str:
    """`names`: publisher, and what follows of offer, sku and version. Azure writes these ids with large letters."""
    publisher, *rest = names
    parts = [f"/Subscriptions/{row.pk}/Providers/{COMPUTE}/Locations/{location}/Publishers/{publisher}"]
    if rest:
        parts.append("ArtifactTypes/VMImage")
    parts += [f"{kind}/{name}" for kind, name in zip(("Offers", "Skus", "Versions"), rest, strict=False)]
    return "/".join(parts)


def of_gallery_image(row: Subscription, group: str, gallery: str, image: str) -> str:
    return f"{of_group(row, group)}/providers/{COMPUTE}/galleries/{gallery}/images/{image}"
