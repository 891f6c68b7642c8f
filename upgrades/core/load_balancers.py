"""What a load balancer's document says about its probes (Z-3.2)."""

from collections.abc import Mapping
from typing import Any

from upgrades.core.json_fields import get_field
from upgrades.core.resource_kinds import LOAD_BALANCER, read_id

BASIC, STANDARD = "Basic", "Standard"


def sku_name(document: Mapping[str, Any]) -> str:
    """The name of its SKU. Azure's default is Basic; an https probe needs Standard (Z-3.2)."""
    given = get_field(document, "sku", "name")
    if given:
        return str(given)
    is_https = any(
        str(get_field(probe, "properties", "protocol")).lower() == "https" for probe in _list(document, "probes")
    )
    return STANDARD if is_https else BASIC


def rules_of_probe(document: Mapping[str, Any], probe_name: str) -> list[str]:
    """The names of the balancing rules by which this probe decides who gets traffic (S-36)."""
    return [
        str(get_field(rule, "name"))
        for rule in _list(document, "loadBalancingRules")
        if _is_probe(get_field(rule, "properties", "probe", "id"), probe_name)
    ]


def _is_probe(id: Any, name: str) -> bool:
    target = read_id(id) if isinstance(id, str) else None
    return (
        target is not None
        and target.kind == LOAD_BALANCER
        and (target.part, target.part_name) == ("probes", name.lower())
    )


def _list(document: Mapping[str, Any], name: str) -> list[Any]:
    value = get_field(document, "properties", name)
    return value if isinstance(value, list) else []
