"""The tables, by noun."""

from upgrades.models.event import Event, Transition
from upgrades.models.image import ImageSku, ImageVersion
from upgrades.models.instance import Instance, OptOut
from upgrades.models.load_balancer import LoadBalancer
from upgrades.models.location import Location
from upgrades.models.rolling_upgrade import Batch, InstanceUpgrade, RollingUpgrade
from upgrades.models.scale_set import ScaleSet
from upgrades.models.work import Chunk

__all__ = [
    "Batch",
    "Chunk",
    "Event",
    "ImageSku",
    "ImageVersion",
    "Instance",
    "InstanceUpgrade",
    "LoadBalancer",
    "Location",
    "OptOut",
    "RollingUpgrade",
    "ScaleSet",
    "Transition",
]
