"""Changes single fields of a scale set's document: its upgrade policy and its capacity."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from upgrades.commands import lookup
from upgrades.commands.audit import audited
from upgrades.commands.errors import Refused
from upgrades.commands.images import lock_sku
from upgrades.commands.load_balancers import find_probe
from upgrades.commands.scale_sets import PutResult, set_model
from upgrades.core.auditing import ObjectKind
from upgrades.core.documents import MAX_INSTANCES, read_policy_field
from upgrades.core.json_edit import edited
from upgrades.core.json_fields import read_bool, read_int
from upgrades.core.policy import AUTOMATIC_POLICY, FIELDS, PolicyField
from upgrades.models import ScaleSet

_CAPACITY = ("sku", "capacity")
_SWITCHES = {
    "automatic_upgrade": (*AUTOMATIC_POLICY, "enableAutomaticOSUpgrade"),
    "use_rolling_upgrade_policy": (*AUTOMATIC_POLICY, "useRollingUpgradePolicy"),
}

# The fields that can be changed: {name: its path in the document}.
EDITABLE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "capacity": _CAPACITY,
    **_SWITCHES,
    **{field.form_name: field.path for field in FIELDS.values()},
}


@lookup.retry_on_conflict
@audited("ScaleSetChanged", ObjectKind.SCALE_SET)
def change_policy(path: str, changes: Mapping[str, object], now: datetime) -> PutResult:
    """Change these fields of the document, and put it: {name of EDITABLE_FIELDS: value as in the document}. The rest of it stays.

    Clients that get the document, change it and put it keep what was changed here. Raises Refused as `set_model` does.
    """
    unknown = ", ".join(sorted(set(changes) - set(EDITABLE_FIELDS)))
    if unknown:
        raise Refused(
            "InvalidParameter", f"a policy has no {unknown}; it has: {', '.join(EDITABLE_FIELDS)}", target=unknown
        )
    with transaction.atomic():
        document: Mapping[str, Any] = _locked(path).document
        for name, value in changes.items():
            document = edited(document, EDITABLE_FIELDS[name], value)
        return set_model(path, document, now)


def _locked(path: str) -> ScaleSet:
    """Lock the rows of the scale set's SKU and load balancer, then its own: the order of all commands.

    Raises ScaleSet.DoesNotExist where its SKU or probe was changed since it was looked up.
    """
    found = lookup.scale_set(path)
    lock_sku(found.sku)
    if found.probe_id:
        find_probe(found.probe_id)
    same = {"sku": found.sku_id, "probe_id": found.probe_id, "deleting": False}
    return ScaleSet.objects.select_for_update(of=("self",)).get(pk=found.pk, **same)


def policy_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """{name of EDITABLE_FIELDS: its value}, in force or not; Azure's default where the document has none. Durations are in seconds."""
    read: dict[str, Any] = {"capacity": read_int(document, *_CAPACITY, default=20, minimum=0, maximum=MAX_INSTANCES)}
    read |= {name: read_bool(document, *place) for name, place in _SWITCHES.items()}
    return read | {field.form_name: _form_value(read_policy_field(document, field), field) for field in FIELDS.values()}


def _form_value(value: Any, field: PolicyField) -> Any:
    """The value of a policy field as the form and the terminal have it: durations in seconds, inverted switches negated."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    return not value if field.is_inverted else value
