"""The bodies of actions on instances: which instances (`instanceIds`), and what else an action takes."""

from collections.abc import Mapping, Sequence

from upgrades.arm.errors import ArmError
from upgrades.arm.requests import Call
from upgrades.core.json_fields import printable, read_list
from upgrades.models import ScaleSet

IDS = "instanceIds"
ALL = ["*"]


def body_of(call: Call, known: Sequence[str] = (IDS,)) -> Mapping[str, object]:
    """The body, {} where none came. A slip in a name must not mean "all instances", so an unknown field is refused. Raises ArmError."""
    body = {} if call.body is None else call.object_body()
    there_are = {name.lower() for name in known}
    strange = next((name for name in body if name.lower() not in there_are), None)
    if strange is not None or len({name.lower() for name in body}) < len(body):
        what = "a field came twice" if strange is None else f"Could not find member '{printable(strange)}'"
        has = f"has {', '.join(known)}, and nothing else" if known else "takes no content"
        raise ArmError(
            "InvalidRequestContent",
            f"The request content was invalid: {what}; it {has}.",
            target=printable(strange or IDS),
        )
    return body


def chosen(row: ScaleSet, body: Mapping[str, object]) -> list[str] | None:
    """The instances that the body names; None for all: it names none, or "*". A null names nobody, and is refused. Raises ArmError."""
    if not any(name.lower() == IDS.lower() for name in body):
        return None
    given = read_list(body, IDS)
    return None if given == ALL else _checked(row, given)


def _checked(row: ScaleSet, given: Sequence[object]) -> list[str]:
    """Raises ArmError for what is no instance of the scale set."""
    there_are = {str(number) for number in row.instances.values_list("number", flat=True)}
    strange = next((each for each in given if not isinstance(each, str) or each not in there_are), None)
    if strange is not None:
        message = (
            f"The provided instanceId {str(strange)[:80]} is not an active Virtual Machine Scale Set VM instanceId."
        )
        raise ArmError("InvalidParameter", message, target=IDS)
    if not given:
        raise ArmError("InvalidParameter", f"{IDS} names no instance: name at least one", target=IDS)
    return [str(each) for each in given]
