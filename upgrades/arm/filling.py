"""What Azure fills into its answers where the client said nothing: clients with types fall over its absence. Scale sets: core/filling.py.

Nothing of it is stored: a client that sends it back as it was shown changes nothing.
"""

from collections.abc import Mapping
from typing import Any

from upgrades.core import azure_types
from upgrades.core.load_balancers import sku_name
from upgrades.core.resource_kinds import LOAD_BALANCER
from upgrades.core.typed import converted

Body = Mapping[str, Any]


def _object(body: Body, name: str) -> dict[str, Any]:
    """A field that is an object, for changing; empty where there is none."""
    value = body.get(name)
    return dict(value) if isinstance(value, Mapping) else {}


def _said(body: Body) -> dict[str, Any]:
    """A null says nothing."""
    return {name: value for name, value in body.items() if value is not None}


def load_balancer(document: Body) -> dict[str, Any]:
    """A load balancer's document as clients see it: with a SKU, and all its lists, which are empty where it has nothing of a kind."""
    body = converted(document, azure_types.LOAD_BALANCER)
    empty: dict[str, Any] = {name: [] for name in LOAD_BALANCER.parts}
    properties = {**empty, **_said(_object(body, "properties"))}
    sku = {"name": sku_name(body), "tier": "Regional", **_said(_object(body, "sku"))}
    return {**body, "sku": sku, "tags": _object(body, "tags"), "properties": properties}
