"""Microsoft.Compute/virtualMachineScaleSets/approveRollingUpgrade, and that of a single instance (A-24, Z-1.13)"""

from collections.abc import Sequence

from upgrades.arm import ids, instance_ids, operations
from upgrades.arm.answers import Answer
from upgrades.arm.instances import find_instance
from upgrades.arm.requests import OPERATOR, Call, needs, resource
from upgrades.arm.scale_sets import find
from upgrades.commands.approvals import approve
from upgrades.models import ScaleSet
from upgrades.models.async_operation import RequestKind


@needs(OPERATOR)
def of_scale_set(call: Call, group: str, name: str) -> Answer:
    """`instanceIds` of the body: these; without it all that wait for approval."""
    body = instance_ids.body_of(call)
    row = find(group, name)
    return _approved(call, row, instance_ids.chosen(row, body))


@needs(OPERATOR)
def of_instance(call: Call, group: str, name: str, instance: str) -> Answer:
    call.no_body()
    row = find(group, name)
    return _approved(call, row, [str(find_instance(row, instance).number)])


def _approved(call: Call, row: ScaleSet, numbers: Sequence[str] | None) -> Answer:
    approve(str(row), numbers, by=call.client.name, now=call.now)
    return Answer(status=202, headers=operations.begun(call, RequestKind.APPROVE, row))


SCALE_SET = resource(ids.COMPUTE, POST=of_scale_set)
INSTANCE = resource(ids.COMPUTE, POST=of_instance)
