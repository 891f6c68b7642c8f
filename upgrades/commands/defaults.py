"""The upgrade policy that new scale sets get."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from upgrades.commands.audit import audited, note
from upgrades.core.auditing import ObjectKind
from upgrades.core.json_edit import edited
from upgrades.core.json_fields import get_field
from upgrades.core.policy import AUTOMATIC_POLICY, ROLLING_POLICY, FieldKind, Policy, rolling_policy
from upgrades.models import UpgradeDefaults

_OWN_LIMITS = (*AUTOMATIC_POLICY, "useRollingUpgradePolicy")


@audited("DefaultPolicyChanged", ObjectKind.DEFAULTS)
def set_defaults(**changes: float) -> UpgradeDefaults:
    """Change the defaults. Existing scale sets keep their policy."""
    with transaction.atomic():
        before = UpgradeDefaults.objects.select_for_update().filter(pk=1).values(*changes).first() or {}
        row, _ = UpgradeDefaults.objects.update_or_create(pk=1, defaults=changes)
        note("Changed the upgrade policy of new scale sets.", before=before, after=changes)
    return row


def with_defaults(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write the default limits into the document of a new scale set, unless it has limits of its own.

    They are in the document so that clients that get it see what is in force, and can change it.
    """
    row = UpgradeDefaults.objects.first()
    has_own = get_field(document, *_OWN_LIMITS) is not None or get_field(document, *ROLLING_POLICY)
    if row is None or row.policy == Policy() or has_own:
        return document
    limits = rolling_policy(row.policy, kinds=(FieldKind.PERCENT, FieldKind.DURATION))
    return edited(edited(document, ROLLING_POLICY, limits), _OWN_LIMITS, True)
