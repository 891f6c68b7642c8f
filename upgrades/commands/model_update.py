"""Changes a scale set's document by a function of the present one: PATCH, or PUT with a condition."""

from collections.abc import Callable, Mapping, Set
from datetime import datetime
from typing import Any

from upgrades.commands import lookup
from upgrades.commands.audit import audited
from upgrades.commands.errors import Refused
from upgrades.commands.model_warnings import warnings_of
from upgrades.commands.scale_sets import ExpectedState, PutResult, StaleDocument, read_model, set_model
from upgrades.core import secrets
from upgrades.core.auditing import ObjectKind
from upgrades.core.equality import same
from upgrades.core.unchangeable import with_unchangeable_of
from upgrades.models import ScaleSet, sealing

TRIES = 20  # a try fails only where somebody else has just changed the scale set

Edit = Callable[[ScaleSet | None], Mapping[str, Any]]


@audited("ScaleSetChanged", ObjectKind.SCALE_SET)
def change_model(path: str, edit: Edit, now: datetime, *, removed_secrets: Set[str] = frozenset()) -> PutResult:
    """Put the document that `edit` makes of the present row, or of None where there is none. Nothing is written where it stays the same.

    `edit` is called again where somebody else changed the scale set meanwhile. `removed_secrets`: the places of secrets to remove.
    Raises Refused as `set_model` does, and what `edit` raises.
    """
    group, name = lookup.split(path)
    for _ in range(TRIES):
        row = ScaleSet.objects.select_related("location", "sku").filter(key=ScaleSet.key_of(group, name)).first()
        document = edit(row) if row is None else with_unchangeable_of(edit(row), row.document)
        if row is not None and not row.deleting and _is_as_before(row, document, removed_secrets):
            return PutResult(row, False, warnings_of(read_model(document), row), changed=False)
        try:
            return set_model(path, document, now, expected=_expected(row), removed_secrets=removed_secrets)
        except StaleDocument:
            continue
    raise Refused("Conflict", f"{path} was changed by others again and again; try again later")


def _expected(row: ScaleSet | None) -> ExpectedState:
    return ExpectedState(row.document, row.sealed_secrets) if row else ExpectedState()


def _is_as_before(row: ScaleSet, document: Mapping[str, Any], removed_secrets: Set[str]) -> bool:
    public, given = secrets.split(document)
    if not same(public, row.document):
        return False
    try:
        before = sealing.unseal(row.sealed_secrets) if given or removed_secrets else {}
    except sealing.Unreadable:
        return False
    return same(secrets.secrets_to_store(public, before, given, removed_secrets), before)
