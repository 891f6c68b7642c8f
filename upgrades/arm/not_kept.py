"""Locks and role assignments: there are none, and a client that asks for one is told so: it would rely on it.

Who may do what here is said by the roles of API clients and of people (docs/arm-api.md).
"""

from typing import Any

from upgrades.arm.answers import Answer, everything
from upgrades.arm.errors import ArmError
from upgrades.arm.options import ANY, takes
from upgrades.arm.requests import Call, is_there, resource

INSTEAD = {
    "locks": "nothing here is locked, and a lock that is not obeyed would be worse than none; give its clients the role viewer or operator",
    "roleAssignments": "roles belong to API clients (manage.py api_client) and to people (the admin), not to scopes",
}


def views(type: str) -> tuple[Any, Any]:
    """(of the list, of one)"""

    @takes(ANY)
    def none(call: Call, **scope: str) -> Answer:
        return everything([])

    @takes(ANY)
    def missing(call: Call, **scope: str) -> Answer:
        raise ArmError("ResourceNotFound", f"There is no Microsoft.Authorization/{type}/{scope['its'][:80]}.")

    def refuse(call: Call, **scope: str) -> Answer:
        message = f"Microsoft.Authorization/{type} cannot be made here: {INSTEAD[type]}. Nothing was done."
        raise ArmError("ResourceTypeNotSupported", message)

    @takes(ANY)
    def gone(call: Call, **scope: str) -> Answer:
        return Answer(status=204)

    return resource(GET=none), resource(GET=missing, HEAD=is_there(missing), PUT=refuse, DELETE=gone)


def routes() -> list[tuple[str, Any]]:
    """(path behind a scope, the view)"""
    found: list[tuple[str, Any]] = []
    for type in INSTEAD:
        of_list, of_lock = views(type)
        base = f"providers/microsoft.authorization/{type.lower()}"
        found += [(base, of_list), (f"{base}/{{its}}", of_lock)]
    return found
