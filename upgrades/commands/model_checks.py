"""Checks of a scale set's document beyond reading it. What is stored already and comes back unchanged passes."""

from collections.abc import Mapping
from typing import Any

from upgrades.commands.errors import Refused, refusing
from upgrades.core import azure_types, cautions, documents, limits, requirements, typed, unknown_fields
from upgrades.core.documents import Model
from upgrades.core.extensions import check_order
from upgrades.core.json_fields import BadDocument, check_json
from upgrades.core.shapes import check_shape
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
    """Check, before the document is read, that it is a scale set and has no field that no version of the API knows. Raises Refused."""
    with refusing():
        check_shape(document, azure_types.SCALE_SET, SCALE_SETS, "scale set")
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
    """A-6: today's Azure refuses Rolling upgrade mode without a source of health. Raises Refused."""
    if location.rules != Location.Rules.CURRENT or not _rolls_blindly(model):
        return
    if before is None or not _rolled_blindly(before):
        raise Refused("BadRequest", ROLLING_WITHOUT_SOURCE, target=MODE)


def _rolls_blindly(model: Model) -> bool:
    return model.is_rolling and not (model.probe_id or model.extension_probe or model.is_service_fabric)


def _rolled_blindly(before: Document) -> bool:
    try:
        return _rolls_blindly(documents.read(before))
    except BadDocument:
        return False
