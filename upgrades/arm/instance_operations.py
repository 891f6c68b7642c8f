"""Actions on the instances of a scale set, all or some, and on a single one: reimage, reimageall, delete, and those on power.

Each is 202 at once; the operation that its headers name is over when the machines are done, and Failed where one of them failed.
"""

from collections.abc import Callable, Mapping
from typing import Any

from upgrades.arm import ids, instance_ids, operations
from upgrades.arm.answers import Answer
from upgrades.arm.errors import ArmError
from upgrades.arm.instances import find_instance
from upgrades.arm.options import takes
from upgrades.arm.requests import ADMIN, OPERATOR, Call, needs, resource
from upgrades.arm.scale_sets import find
from upgrades.commands.instance_operations import (
    Requested,
    deallocate_machines,
    delete_instances,
    power_off_machines,
    reimage,
    restart_machines,
    start_machines,
)
from upgrades.commands.manual_upgrades import upgrade_instances
from upgrades.core.json_fields import get_field, read_bool, read_str
from upgrades.models import ScaleSet

VERSION = "exactVersion"
# Of a reimage: what Azure may be asked for besides, and why it is not done here. Saying that it is not wanted is taken.
REFUSED = {
    "tempDisk": "machines have no temporary disks",
    "forceUpdateOSDiskForEphemeral": "there are no ephemeral OS disks",
}
OS_PROFILE = "osProfile"
NO_OS_PROFILE = (
    "a reimage takes customData and passwords from the scale set's model: change them there first, then reimage"
)
OF_REIMAGE = (VERSION, *REFUSED, OS_PROFILE)


@needs(OPERATOR)
def reimage_some(call: Call, group: str, name: str) -> Answer:
    """`instanceIds` of the body: these; without it all that can be reimaged."""
    return _reimage_some(call, group, name, with_data_disks=False)


@needs(OPERATOR)
def reimage_all_of_some(call: Call, group: str, name: str) -> Answer:
    """The same with data disks: refused where an instance has any."""
    return _reimage_some(call, group, name, with_data_disks=True)


def _reimage_some(call: Call, group: str, name: str, *, with_data_disks: bool) -> Answer:
    body = instance_ids.body_of(call, (instance_ids.IDS, *OF_REIMAGE))
    row = find(group, name)
    return _reimage(call, row, instance_ids.chosen(row, body), body, with_data_disks=with_data_disks)


@needs(OPERATOR)
def reimage_one(call: Call, group: str, name: str, instance: str) -> Answer:
    return _reimage_one(call, group, name, instance, with_data_disks=False)


@needs(OPERATOR)
def reimage_all_of_one(call: Call, group: str, name: str, instance: str) -> Answer:
    return _reimage_one(call, group, name, instance, with_data_disks=True)


def _reimage_one(call: Call, group: str, name: str, instance: str, *, with_data_disks: bool) -> Answer:
    body = instance_ids.body_of(call, OF_REIMAGE)
    row = find(group, name)
    chosen = [str(find_instance(row, instance).number)]
    return _reimage(call, row, chosen, body, with_data_disks=with_data_disks)


def _reimage(
    call: Call, row: ScaleSet, chosen: list[str] | None, body: Mapping[str, Any], *, with_data_disks: bool
) -> Answer:
    version = _version(body)
    done = reimage(
        str(row), chosen, by=call.client.name, now=call.now, version=version, with_data_disks=with_data_disks
    )
    return _begun(call, row, done)


def _version(body: Mapping[str, Any]) -> str:
    """The version that the body asks for, "" for none. Raises ArmError for what it asks for and is not done here."""
    for name, why in REFUSED.items():
        if read_bool(body, name):
            raise ArmError("InvalidParameter", f"{name} is not done here: {why}; leave it out", target=name)
    if get_field(body, OS_PROFILE) is not None:
        raise ArmError("InvalidParameter", f"{OS_PROFILE} is not taken: {NO_OS_PROFILE}", target=OS_PROFILE)
    return read_str(body, VERSION)


@needs(OPERATOR)
def upgrade_some(call: Call, group: str, name: str) -> Answer:
    """`instanceIds` of the body, which must name some; "*" is all. They are brought to the model."""
    body = instance_ids.body_of(call)
    row = find(group, name)
    chosen = _named(row, body, "upgrade")
    return _begun(call, row, upgrade_instances(str(row), chosen, by=call.client.name, now=call.now))


def _named(row: ScaleSet, body: Mapping[str, Any], what: str) -> list[str] | None:
    """The instances that the body names; None for all. Raises ArmError where it does not say which."""
    chosen = instance_ids.chosen(row, body)
    if chosen is None and not body:
        message = f"{instance_ids.IDS} is required: name the instances to {what}, or '*' for all"
        raise ArmError("InvalidParameter", message, target=instance_ids.IDS)
    return chosen


@needs(ADMIN)
def delete_some(call: Call, group: str, name: str) -> Answer:
    """`instanceIds` of the body, which must name some; "*" is all. The capacity falls by as many."""
    body = instance_ids.body_of(call)
    row = find(group, name)
    chosen = _named(row, body, "delete")
    return _begun(call, row, delete_instances(str(row), chosen, by=call.client.name, now=call.now))


# --- power ------------------------------------------------------------------------------------------------------------

SKIP_SHUTDOWN, HIBERNATE = "skipshutdown", "hibernate"
SWITCHES = {"true": True, "false": False, "": False}
NOT_HIBERNATED = "machines are not hibernated here: their memory is not kept; leave hibernate out"
Switch = Callable[..., Requested]
Options = Callable[[Call], dict[str, bool]]  # those of its command that a request may give; raises ArmError


def _switch_of(call: Call, name: str) -> bool:
    """A query parameter that is true or false. Raises ArmError."""
    given = call.query.get(name, "").lower()
    if given not in SWITCHES:
        raise ArmError("InvalidParameter", f"{name} is true or false, not {given[:40]!r}", target=name)
    return SWITCHES[given]


def _no_options(call: Call) -> dict[str, bool]:
    return {}


def _skip_shutdown(call: Call) -> dict[str, bool]:
    return {"skip_shutdown": _switch_of(call, SKIP_SHUTDOWN)}


def _no_hibernation(call: Call) -> dict[str, bool]:
    if _switch_of(call, HIBERNATE):
        raise ArmError("InvalidParameter", NOT_HIBERNATED, target=HIBERNATE)
    return {}


def _of_some(switch: Switch, options: Options) -> Callable[..., Answer]:
    """The action on a scale set: on the `instanceIds` of the body, or on all."""

    @needs(OPERATOR)
    @takes(SKIP_SHUTDOWN, HIBERNATE)
    def act(call: Call, group: str, name: str) -> Answer:
        body = instance_ids.body_of(call)
        row = find(group, name)
        chosen = instance_ids.chosen(row, body)
        return _begun(call, row, switch(str(row), chosen, by=call.client.name, now=call.now, **options(call)))

    return act


def _of_one(switch: Switch, options: Options) -> Callable[..., Answer]:
    """The action on a single instance, which an opt-out does not prevent (Z-1.11)."""

    @needs(OPERATOR)
    @takes(SKIP_SHUTDOWN, HIBERNATE)
    def act(call: Call, group: str, name: str, instance: str) -> Answer:
        call.no_body()
        row = find(group, name)
        chosen = [str(find_instance(row, instance).number)]
        given = {"by": call.client.name, "now": call.now, "opt_outs_hold": False, **options(call)}
        return _begun(call, row, switch(str(row), chosen, **given))

    return act


def _begun(call: Call, row: ScaleSet, done: Requested) -> Answer:
    return Answer(status=202, headers=operations.begun_on_instances(call, row, done.request))


REIMAGE = resource(ids.COMPUTE, POST=reimage_some)
REIMAGE_ALL = resource(ids.COMPUTE, POST=reimage_all_of_some)
REIMAGE_ONE = resource(ids.COMPUTE, POST=reimage_one)
REIMAGE_ALL_OF_ONE = resource(ids.COMPUTE, POST=reimage_all_of_one)
MANUAL_UPGRADE = resource(ids.COMPUTE, POST=upgrade_some)
DELETE = resource(ids.COMPUTE, POST=delete_some)
POWER = {
    name: (resource(ids.COMPUTE, POST=_of_some(switch, options)), resource(ids.COMPUTE, POST=_of_one(switch, options)))
    for name, switch, options in (
        ("start", start_machines, _no_options),
        ("restart", restart_machines, _no_options),
        ("poweroff", power_off_machines, _skip_shutdown),
        ("deallocate", deallocate_machines, _no_hibernation),
    )
}
