"""Microsoft.Compute/virtualMachineScaleSets/virtualMachines/extensions: the extensions that are on the machine of an instance.

They come from the scale set's model. So they are shown, and changed with the scale set only.
"""

from typing import Any

from upgrades.arm import ids, machine_extensions
from upgrades.arm.answers import Answer, everything
from upgrades.arm.errors import ArmError, not_found
from upgrades.arm.instances import find_instance
from upgrades.arm.options import EXPAND, takes, words
from upgrades.arm.requests import ADMIN, Call, is_there, needs, resource
from upgrades.arm.scale_sets import find
from upgrades.arm.shown_model import ShownModel

EXPANDED = ("instanceView",)


def _found(call: Call, group: str, name: str, instance: str) -> list[dict[str, Any]]:
    scale_set = find(group, name)
    row = find_instance(scale_set, instance)
    with_view = "instanceview" in words(call.query, EXPAND, EXPANDED)
    return machine_extensions.resources(call, scale_set, ShownModel.of(scale_set), row, with_view=with_view)


@takes(EXPAND)
def show(call: Call, group: str, name: str, instance: str, extension: str) -> Answer:
    wanted = [each for each in _found(call, group, name, instance) if each["name"].lower() == extension.lower()]
    if not wanted:
        kind = f"{ids.SCALE_SETS}/{name}/virtualMachines/{instance}/extensions"
        raise not_found(kind, group, extension[:80])
    return Answer(wanted[0])


@takes(EXPAND)
def of_instance(call: Call, group: str, name: str, instance: str) -> Answer:
    return everything(_found(call, group, name, instance))


@needs(ADMIN)
def refuse(call: Call, group: str, name: str, instance: str, extension: str) -> Answer:
    """Raises ArmError: an instance has the extensions of the model, and no others."""
    find_instance(find(group, name), instance)
    message = (
        f"The extension {extension[:80]!r} of instance {instance} alone cannot be set or deleted here, and nothing was done: all instances "
        f"get the extensions of the scale set's model. Use {call.method} .../virtualMachineScaleSets/{name[:80]}/extensions/"
        f"{extension[:80]}, then POST .../manualupgrade or .../extensionRollingUpgrade."
    )
    raise ArmError("ActionNotSupported", message)


ONE = resource(ids.COMPUTE, GET=show, HEAD=is_there(show), PUT=refuse, PATCH=refuse, DELETE=refuse)
ALL = resource(ids.COMPUTE, GET=of_instance)
