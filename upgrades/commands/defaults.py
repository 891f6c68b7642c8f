"""The upgrade policy that new scale sets get."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from upgrades.commands.audit import audited, note
from upgrades.core.auditing import Kind
from upgrades.core.facts import Policy
from upgrades.core.json_edit import edited, iso_duration
from upgrades.core.json_fields import get_field
from upgrades.models import UpgradeDefaults

_UPGRADE = ("properties", "upgradePolicy")
_ROLLING = (*_UPGRADE, "rollingUpgradePolicy")
_OWN_LIMITS = (*_UPGRADE, "automaticOSUpgradePolicy", "useRollingUpgradePolicy")
_AZURE = Policy()


@audited("DefaultPolicyChanged", Kind.DEFAULTS)
def set_defaults(**changes: float) -> UpgradeDefaults:
    """Changes the defaults; scale sets that exist keep theirs."""
    with transaction.atomic():
        before = UpgradeDefaults.objects.select_for_update().filter(pk=1).values(*changes).first() or {}
        row, _ = UpgradeDefaults.objects.update_or_create(pk=1, defaults=changes)
        note("Changed the upgrade policy of new scale sets.", before=before, after=changes)
    return row


def with_defaults(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A new scale set's document, with the default limits written into it where it says nothing of limits.

    They stand in the document, so that whoever gets it sees what is in force, and may change it.
    """
    row = UpgradeDefaults.objects.first()
    if (
        row is None
        or _is_azures(row)
        or get_field(document, *_OWN_LIMITS) is not None
        or get_field(document, *_ROLLING)
    ):
        return document
    limits = {
        "maxBatchInstancePercent": row.max_batch_percent,
        "maxUnhealthyInstancePercent": row.max_unhealthy_percent,
        "maxUnhealthyUpgradedInstancePercent": row.max_unhealthy_upgraded_percent,
        "pauseTimeBetweenBatches": iso_duration(row.pause_seconds),
    }
    return edited(edited(document, _ROLLING, limits), _OWN_LIMITS, True)


def _is_azures(row: UpgradeDefaults) -> bool:
    limits = (row.max_batch_percent, row.max_unhealthy_percent, row.max_unhealthy_upgraded_percent)
    azures = (_AZURE.max_batch_percent, _AZURE.max_unhealthy_percent, _AZURE.max_unhealthy_upgraded_percent)
    return limits == azures and not row.pause_seconds
