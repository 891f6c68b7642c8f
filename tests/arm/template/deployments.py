"""Templates for tests: small ones, and where they are deployed."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from upgrades.arm.template.errors import TemplateError
from upgrades.arm.template.evaluation import Evaluation
from upgrades.arm.template.functions import FUNCTIONS
from upgrades.arm.template.scope import Place
from upgrades.arm.template.template import Template, read

DOCUMENTS = Path(__file__).parent / "documents"
NOW = datetime(2018, 9, 25, 12, 0, tzinfo=UTC)
GROUP = "/subscriptions/0000/resourceGroups/fleet"
PLACE = Place(
    "first",
    {"id": GROUP, "name": "fleet", "location": "westeurope"},
    {"id": "/subscriptions/0000", "subscriptionId": "0000", "tenantId": "1111"},
)
NETWORK = "Microsoft.Network/virtualNetworks"


def value(expression: str) -> Any:
    """Of an expression that needs nothing around it."""
    return Evaluation(FUNCTIONS).text(expression)


def deployed(template: Mapping[str, Any], **given: Any) -> Template:
    """A template that may lack what all have, with these parameters."""
    whole = {"contentVersion": "1.0.0.0", "resources": [], **template}
    return read(whole, {name: {"value": each} for name, each in given.items()}, PLACE, NOW)


def document(name: str) -> dict[str, Any]:
    """A template of Azure/vm-scale-sets."""
    found: dict[str, Any] = json.loads((DOCUMENTS / f"{name}.json").read_text())
    return found


def network(name: str, **more: Any) -> dict[str, Any]:
    return {"type": NETWORK, "apiVersion": "2017-04-01", "name": name, **more}


def refused(template: Mapping[str, Any], **given: Any) -> str:
    """What is said of a template that is refused."""
    with pytest.raises(TemplateError) as caught:
        deployed(template, **given)
    return str(caught.value)
