"""Paths of the API under which there is nothing."""

from upgrades.arm.answers import Answer
from upgrades.arm.errors import Failed
from upgrades.arm.requests import Call, resource


def nothing(call: Call) -> Answer:
    message = f"There is nothing at '{call.path[:300]}'; docs/arm-api.md lists what is served."
    raise Failed("InvalidResourceType", message)


NOWHERE = resource(GET=nothing, PUT=nothing, PATCH=nothing, POST=nothing, DELETE=nothing)
