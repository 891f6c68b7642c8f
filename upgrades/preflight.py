"""Read only: the pre-flight, a list of all that a scale set refers to, each checked (S-26), and of fields that do nothing here."""

from datetime import datetime

from upgrades.commands.model_warnings import model_warnings
from upgrades.commands.reference_checks import Check, check_all, references_of
from upgrades.commands.scale_sets import read_model
from upgrades.core.catalogue import say
from upgrades.core.references import Reference
from upgrades.core.states import KeptOSDisk
from upgrades.core.warnings import warnings_of
from upgrades.models import ScaleSet
from upgrades.orchestrator.observe import newest_image
from upgrades.orchestrator.questions import refusal_of


def checks(row: ScaleSet, now: datetime) -> list[Check]:
    """All checks of a scale set. Addresses on hosts that may be called are called, which takes up to some ten seconds."""
    return [
        *_rollback(row),
        *_image(row),
        *_warnings(row),
        *_fields_without_effect(row),
        *check_all(references_of(row), now),
    ]


def _rollback(row: ScaleSet) -> list[Check]:
    """What a rollback puts back, where that is not the old OS disk itself. It fails where the policy asks for what there is not."""
    reference, kept = Reference("location", "provider", row.location.provider), KeptOSDisk(row.location.kept_os_disk)
    if row.location.contact_since is None and row.location.provider_error_since is None:
        return [Check(reference, "not checked", say("rollback.unknown"))]
    if kept is KeptOSDisk.EXACT:
        return []
    is_wanted = row.policy.rollback_on_breach or row.policy.automatic_rollback
    result = "failed" if kept is KeptOSDisk.NONE and is_wanted else "ok"
    return [Check(reference, result, say(f"rollback.{kept}"))]


def _image(row: ScaleSet) -> list[Check]:
    """Whether the location can make OS disks of the newest version."""
    latest = newest_image(row)
    if latest is None:
        return []
    refusal = refusal_of(row, latest)
    reference = Reference("location", "image", str(latest))
    if refusal is None:
        return []
    return [Check(reference, "failed", f"{refusal.message.rstrip('.')}: no upgrade begins before that is mended")]


def _warnings(row: ScaleSet) -> list[Check]:
    """A check for each thing in the model that is allowed, and not recommended."""
    found = model_warnings(read_model(row.document), row)
    return [Check(Reference("properties", "warning", row.name), "not checked", warning) for warning in found]


def _fields_without_effect(row: ScaleSet) -> list[Check]:
    """A check for each field of the document that does nothing here."""
    return [
        Check(
            Reference(warning.place, "member", warning.place.rpartition(".")[2]),
            "failed" if warning.is_relied_on else "not checked",
            warning.text,
        )
        for warning in warnings_of(row.document)
    ]
