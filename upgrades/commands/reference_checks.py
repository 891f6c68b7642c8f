"""Checks what a scale set's model refers to: whether it is there, until when it is valid, and whether it answers (S-26, S-42)."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from upgrades import outgoing
from upgrades.commands.references import rows_of
from upgrades.core import secrets
from upgrades.core.references import Reference, references
from upgrades.core.resource_kinds import Target, part_of, read_id
from upgrades.core.sentences import in_utc
from upgrades.models import ScaleSet, sealing

MAX_CALLS = 20  # of one check; what comes after them is not called
CALLS_AT_ONCE = 8
OK, FAILED, NOT_CHECKED = "ok", "failed", "not checked"
NOT_CALLED = f"not called: a check calls {MAX_CALLS} addresses at most"


@dataclass(frozen=True, slots=True)
class Check:
    """The check of one reference. `result`: "ok", "failed" or "not checked"; `says`: why."""

    reference: Reference
    result: str
    says: str


def references_of(row: ScaleSet) -> list[Reference]:
    """What the model of this scale set refers to, its secrets included where they can be read."""
    try:
        return references(secrets.join(row.document, sealing.unseal(row.sealed_secrets)))
    except sealing.Unreadable:
        return references(row.document)


def check_all(found: Sequence[Reference], now: datetime) -> list[Check]:
    """Check each reference. Addresses on hosts that may be called are called, several at once."""
    documents = _documents(found)
    allowed = outgoing.of_models()
    to_call = [reference for reference in found if reference.url and allowed.has(reference.url)][:MAX_CALLS]
    with ThreadPoolExecutor(CALLS_AT_ONCE) as threads:
        answers = dict(zip(map(id, to_call), threads.map(lambda reference: _call(reference), to_call), strict=True))
    return [_check(reference, documents, answers.get(id(reference)), now) for reference in found]


def _check(
    reference: Reference, documents: Mapping[Target, Mapping[str, Any]], answer: Check | None, now: datetime
) -> Check:
    if reference.kind == "resource":
        return _check_resource(reference, documents)
    if reference.expires_at is not None and reference.expires_at <= now:
        ended = in_utc(reference.expires_at)
        return Check(reference, FAILED, f"expired at {ended}: make a new one and update the model")
    validity = _validity(reference, now)
    if answer is not None:
        return Check(reference, answer.result, f"{answer.says}; {validity}" if validity else answer.says)
    if reference.is_signed and reference.expires_at is not None:
        return Check(reference, OK, validity)
    return Check(reference, NOT_CHECKED, "; ".join(filter(None, (validity, _not_called(reference)))))


def _validity(reference: Reference, now: datetime) -> str:
    """Until when its signature is valid; "" where it has none."""
    if not reference.is_signed:
        return ""
    if reference.expires_at is None:
        return "its signature does not say until when it is valid"
    return f"valid for {(reference.expires_at - now).days} more days, until {in_utc(reference.expires_at)}"


def _not_called(reference: Reference) -> str:
    if not reference.url:
        return "" if reference.is_signed else "no address that could be called"
    return NOT_CALLED if outgoing.of_models().has(reference.url) else NOT_LISTED


NOT_LISTED = (
    "not called: ROLLGRID_OUTGOING_HOSTS does not list its host; list it, or check it from a machine of the scale set"
)


def _call(reference: Reference) -> Check:
    """Call its address."""
    try:
        response = outgoing.fetch(reference.url, outgoing.of_models())
    except outgoing.NotAllowed as refusal:
        return Check(reference, NOT_CHECKED, str(refusal))
    except outgoing.CallFailed as failure:
        return Check(reference, FAILED, str(failure))
    ends_at = response.certificate_ends_at
    certificate = f"; the certificate of its server ends at {in_utc(ends_at)}" if ends_at else ""
    result, says = _judge(reference, response.status)
    return Check(reference, result, f"its server answers {response.status}{says}{certificate}")


def _judge(reference: Reference, status: int) -> tuple[str, str]:
    """(result, what it means) of an answer with this status."""
    if status < 400:
        return OK, ""
    if status in (401, 403):
        if reference.is_signed:
            return (
                FAILED,
                ": the signature is not accepted (any more), or not for this; make a new one and update the model",
            )
        return NOT_CHECKED, ": it is there, and wants to know who asks"
    if status in (404, 410):
        return FAILED, ": there is nothing"
    return (NOT_CHECKED, ": it is there") if status < 500 else (FAILED, ": it does not work now")


def _documents(found: Sequence[Reference]) -> dict[Target, Mapping[str, Any]]:
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
        return Check(reference, NOT_CHECKED, "kept elsewhere: resources of this type are not known here")
    document, shown = documents.get(target.whole), f"{target.kind.noun} {target.key}"
    if document is None:
        return Check(reference, FAILED, f"there is no {shown}")
    if target.part and part_of(document, target.part, target.part_name) is None:
        return Check(reference, FAILED, f"{shown} has no {target.part_name} among its {target.part}")
    return Check(reference, OK, "it is there")
