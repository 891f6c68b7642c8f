"""Read only: the pre-flight, a list of all that a scale set refers to, each checked (S-26), and of fields that do nothing here.

Addresses are not called: a server that calls whatever address its clients name is a security hole (SSRF).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from upgrades.commands.references import rows_of
from upgrades.core import secrets
from upgrades.core.catalogue import say
from upgrades.core.references import Reference, references
from upgrades.core.resource_kinds import Target, part_of, read_id
from upgrades.core.sentences import in_utc
from upgrades.core.states import KeptOSDisk
from upgrades.core.warnings import warnings_of
from upgrades.models import ScaleSet, sealing
from upgrades.orchestrator.observe import newest_image
from upgrades.orchestrator.questions import refusal_of

NOT_ASKED = "not checked: this server calls no address that a document names; check it from a machine of the scale set"


@dataclass(frozen=True, slots=True)
class Check:
    """The check of one reference. `result`: "ok", "failed" or "not checked"; `says`: why."""

    reference: Reference
    result: str
    says: str


def checks(row: ScaleSet, now: datetime) -> list[Check]:
    try:
        document = secrets.join(row.document, sealing.unseal(row.sealed_secrets))
    except sealing.Unreadable:
        document = row.document
    found = references(document)
    documents = _documents(found)
    return [
        *_rollback(row),
        *_image(row),
        *_fields_without_effect(row),
        *(_check(reference, documents, now) for reference in found),
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


def _check(reference: Reference, documents: Mapping[Target, Mapping[str, Any]], now: datetime) -> Check:
    if reference.kind == "resource":
        return _check_resource(reference, documents)
    if not reference.is_signed:
        return Check(reference, "not checked", NOT_ASKED)
    if reference.expires_at is None:
        return Check(reference, "not checked", "its signature does not say until when it is valid")
    days = (reference.expires_at - now).days
    if reference.expires_at <= now:
        return Check(
            reference, "failed", f"expired at {in_utc(reference.expires_at)}: make a new one and update the model"
        )
    return Check(reference, "ok", f"valid for {days} more days, until {in_utc(reference.expires_at)}")


def _documents(found: list[Reference]) -> dict[Target, Mapping[str, Any]]:
    """The documents of all stored resources that these lead to, in a query for each kind."""
    wanted = {target.whole for reference in found if (target := read_id(reference.shown))}
    documents: dict[Target, Mapping[str, Any]] = {}
    for kind in {target.kind for target in wanted}:
        keys = [target.key for target in wanted if target.kind == kind]
        documents |= {Target(kind, row.key): row.document for row in rows_of(kind).filter(key__in=keys)}
    return documents


def _check_resource(reference: Reference, documents: Mapping[Target, Mapping[str, Any]]) -> Check:
    target = read_id(reference.shown)
    if target is None:
        return Check(reference, "not checked", "kept elsewhere: resources of this type are not known here")
    document, shown = documents.get(target.whole), f"{target.kind.noun} {target.key}"
    if document is None:
        return Check(reference, "failed", f"there is no {shown}")
    if target.part and part_of(document, target.part, target.part_name) is None:
        return Check(reference, "failed", f"{shown} has no {target.part_name} among its {target.part}")
    return Check(reference, "ok", "it is there")
