"""The tables, one module for each thing, and the queries that belong to them."""

from upgrades.models.access import ApiClient, Subscription, TokenKey
from upgrades.models.async_operation import AsyncOperation
from upgrades.models.audit_entry import AuditEntry
from upgrades.models.board import Board
from upgrades.models.defaults import UpgradeDefaults
from upgrades.models.deployment import Deployment, DeploymentOperation
from upgrades.models.event import Event, Transition
from upgrades.models.feed_ticket import FeedTicket
from upgrades.models.fleet_stop import FleetStop
from upgrades.models.image import ImageSku, ImageVersion
from upgrades.models.image_source import ImageSource
from upgrades.models.imported_image import ImportedImage
from upgrades.models.instance import Instance, OptOut
from upgrades.models.load_balancer import LoadBalancer
from upgrades.models.location import Location
from upgrades.models.requested_operation import RequestedOperation
from upgrades.models.resource_group import ResourceGroup
from upgrades.models.rolling_upgrade import Batch, InstanceUpgrade, RollingUpgrade
from upgrades.models.scale_set import ScaleSet
from upgrades.models.sign_in import SignInTries
from upgrades.models.stored_resource import StoredResource
from upgrades.models.wallboard_link import WallboardLink
from upgrades.models.work_item import WorkItem
from upgrades.models.write_mark import WriteMark

__all__ = [
    "ApiClient",
    "AsyncOperation",
    "AuditEntry",
    "Batch",
    "Board",
    "WorkItem",
    "Deployment",
    "DeploymentOperation",
    "Event",
    "FeedTicket",
    "FleetStop",
    "ImageSku",
    "ImageSource",
    "ImageVersion",
    "ImportedImage",
    "Instance",
    "InstanceUpgrade",
    "LoadBalancer",
    "Location",
    "OptOut",
    "RequestedOperation",
    "ResourceGroup",
    "RollingUpgrade",
    "ScaleSet",
    "SignInTries",
    "StoredResource",
    "Subscription",
    "TokenKey",
    "Transition",
    "WriteMark",
    "UpgradeDefaults",
    "WallboardLink",
]
