"""Checks a scale set's document before and after it is read. A value that is stored already and comes back unchanged passes."""

from collections.abc import Mapping
from typing import Any

from upgrades.commands.errors import Refused, refusing
from upgrades.core import azure_types, cautions, documents, limits, requirements, typed, unknown_fields
from upgrades.core.documents import Model
from upgrades.core.extensions import check_order
from upgrades.core.json_fields import BadDocument, check_json
from upgrades.core.resource_check import check_is_resource
from upgrades.core.unchangeable import check_unchanged
from upgrades.core.zones import check_zones
from upgrades.models import Location

Document = Mapping[str, Any]
SCALE_SETS = "Microsoft.Compute/virtualMachineScaleSets"
ROLLING_WITHOUT_SOURCE = (
    "Rolling Upgrade mode is not supported for this Virtual Machine Scale Set "
    "because a health probe or health extension was not provided."
)
MODE = "properties.upgradePolicy.mode"


def check_known(document: object, before: Document | None) -> None:
    """Check a document before it is read: it must be a scale set's, without fields that no version of the API knows. Raises Refused."""
    with refusing():
        check_is_resource(document, azure_types.SCALE_SET, SCALE_SETS, "scale set")
        assert isinstance(document, Mapping)
        check_json(document)
        limits.check_size(document, before, limits.MAX_PARTS_OF_A_SCALE_SET, limits.SCALE_SET_LISTS)
        unknown_fields.check(document, azure_types.SCALE_SET, before)


def check_model(document: Document, model: Model, before: Document | None) -> None:
    """Check everything that can be checked once the document is read. Raises Refused."""
    with refusing():
        typed.check_types(document, azure_types.SCALE_SET, before)
        check_zones(document, before)
        cautions.check_cautions(document, before)
        limits.check_scale_set(document, before)
        check_order(model.machine.extensions)
        requirements.check_requirements(document, model, before)
        if before is not None:
            check_unchanged(document, before)


def check_rolling(model: Model, location: Location, before: Document | None) -> None:
    """Refuse Rolling upgrade mode without a source of health, as today's Azure does (A-6)."""
    if location.rules != Location.Rules.CURRENT or not _lacks_health_source(model):
        return
    if before is None or not _lacked_health_source(before):
        raise Refused("BadRequest", ROLLING_WITHOUT_SOURCE, target=MODE)


def _lacks_health_source(model: Model) -> bool:
    """Is the mode Rolling although nothing reports health?"""
    return model.is_rolling and not (model.probe_id or model.extension_probe or model.fabric)


def _lacked_health_source(before: Document) -> bool:
    try:
        return _lacks_health_source(documents.read(before))
    except BadDocument:
        return False
