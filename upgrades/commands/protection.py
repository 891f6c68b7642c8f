"""Sets the API's `protectionPolicy` of an instance: against scale set actions (an opt-out without an end), and against scale-in."""

from datetime import datetime

from upgrades.commands import lookup
from upgrades.commands.audit import audited, note
from upgrades.commands.errors import Refused
from upgrades.commands.opt_outs import opt_in, opt_out
from upgrades.core.auditing import ObjectKind
from upgrades.models import Instance, OptOut, ScaleSet
from upgrades.models.instance import in_force

SCALE_IN_IS_INCLUDED = (
    "protectFromScaleSetActions protects from being removed too: protectFromScaleIn cannot be false with it. Set both to true, or "
    "leave protectFromScaleIn out"
)


@audited("InstanceProtectionChanged", ObjectKind.SCALE_SET)
def protect(
    row: ScaleSet, number: int, *, from_actions: bool | None, from_scale_in: bool | None, owner: str, now: datetime
) -> None:
    """Set the protection of an instance; None leaves that part as it is. An opt-out already in force keeps its owner. Raises Refused."""
    if from_actions and from_scale_in is False:
        target = "properties.protectionPolicy.protectFromScaleIn"
        raise Refused("InvalidParameter", SCALE_IN_IS_INCLUDED, target=target)
    if from_actions is False or from_scale_in is False:
        Instance.objects.filter(scale_set=row, number=number).update(protection_asked=True)
    held = opt_out_of(row, number, now)
    is_opted_out = held is not None
    if from_actions and (held is None or held.ending_by):
        reason = f"protectFromScaleSetActions, set by the API client {owner}"
        opt_out(str(row), [str(number)], reason=reason, owner=owner, now=now, for_ever=True)
    if from_actions is False and is_opted_out:
        opt_in(str(row), [str(number)], owner=owner, now=now)
    # An opt-out protects from scale-in too, so with one in force that protection need not be turned on.
    is_covered = is_opted_out if from_actions is None else from_actions
    if from_scale_in is not None and not (from_scale_in and is_covered):
        _set_scale_in_protection(row, number, is_protected=from_scale_in, owner=owner, now=now)


def opt_out_of(row: ScaleSet, number: int, now: datetime) -> OptOut | None:
    """The opt-out of an instance that is in force now, or None."""
    return in_force(now).filter(instance__scale_set=row, instance__number=number).first()


def _set_scale_in_protection(row: ScaleSet, number: int, *, is_protected: bool, owner: str, now: datetime) -> None:
    rows = Instance.objects.filter(scale_set=row, number=number).exclude(protected_from_scale_in=is_protected)
    on_or_off = "on" if is_protected else "off"
    if not rows.exists():
        return
    with lookup.writing_to(str(row), now) as writer:
        for instance in rows:
            instance.protected_from_scale_in = is_protected
            instance.save(update_fields=["protected_from_scale_in"])
            note(
                f"Turned the protection from scale-in of instance {number} {on_or_off}.",
                before={"protected from scale-in": not is_protected},
                after={"protected from scale-in": is_protected},
            )
            writer.changed(instance, note=f"Its protection from scale-in was turned {on_or_off} by {owner}.")
        writer.wake()
