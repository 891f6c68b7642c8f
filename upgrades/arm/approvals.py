"""Microsoft.Compute/virtualMachineScaleSets/approveRollingUpgrade, and that of a single instance (A-24, Z-1.13)"""

from collections.abc import Mapping, Sequence

from upgrades.arm import ids, operations
from upgrades.arm.answers import Answer
from upgrades.arm.errors import ArmError
from upgrades.arm.instances import find_instance
from upgrades.arm.requests import OPERATOR, Call, needs, resource
from upgrades.arm.scale_sets import find
from upgrades.commands.approvals import approve
from upgrades.core.json_fields import printable, read_list
from upgrades.models import ScaleSet
from upgrades.models.async_operation import RequestKind


@needs(OPERATOR)
def of_scale_set(call: Call, group: str, name: str) -> Answer:
    """`instanceIds` of the body: these; without it all that wait for approval. A null names nobody, and is refused."""
    body = {} if call.body is None else call.object_body()
    _check_known(body)
    row = find(group, name)
    return _approved(call, row, _ids(row, read_list(body, "instanceIds")) if body else None)


def _check_known(body: Mapping[str, object]) -> None:
    """Without its one field all are approved: a slip in its name must not mean that. Raises ArmError."""
    strange = next((name for name in body if name.lower() != "instanceids"), None)
    if strange is not None or len(body) > 1:
        what = "instanceIds came twice" if strange is None else f"Could not find member '{printable(strange)}'"
        message = f"The request content was invalid: {what}; it has instanceIds, a list of ids, and nothing else."
        raise ArmError("InvalidRequestContent", message, target=printable(strange or "instanceIds"))


@needs(OPERATOR)
def of_instance(call: Call, group: str, name: str, instance: str) -> Answer:
    call.no_body()
    row = find(group, name)
    return _approved(call, row, [str(find_instance(row, instance).number)])


def _ids(row: ScaleSet, given: Sequence[object]) -> list[str]:
    """Raises ArmError for what is no instance of the scale set."""
    there_are = {str(number) for number in row.instances.values_list("number", flat=True)}
    strange = next(
        (instance_id for instance_id in given if not isinstance(instance_id, str) or instance_id not in there_are), None
    )
    if strange is not None:
        message = (
            f"The provided instanceId {str(strange)[:80]} is not an active Virtual Machine Scale Set VM instanceId."
        )
        raise ArmError("InvalidParameter", message, target="instanceIds")
    if not given:
        message = "instanceIds names no instance: name at least one, or leave it out for all that wait"
        raise ArmError("InvalidParameter", message, target="instanceIds")
    return [str(instance_id) for instance_id in given]


def _approved(call: Call, row: ScaleSet, numbers: Sequence[str] | None) -> Answer:
    approve(str(row), numbers, by=call.client.name, now=call.now)
    return Answer(status=202, headers=operations.begun(call, RequestKind.APPROVE, row))


SCALE_SET = resource(ids.COMPUTE, POST=of_scale_set)
INSTANCE = resource(ids.COMPUTE, POST=of_instance)
