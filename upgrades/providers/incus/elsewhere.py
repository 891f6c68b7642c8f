"""Signs that an instance which is gone lives elsewhere in this Incus: somebody has renamed it, or moved it to another project.

It keeps its marks and its id then. What was moved to another server cannot be seen from here.
"""

from collections.abc import Mapping
from typing import Any

from upgrades.core.machines import ELSEWHERE_CODE
from upgrades.providers.base import Operation, ProviderError
from upgrades.providers.incus.client import IncusClient
from upgrades.providers.incus.records import Key, machine_from_json, name_of
from upgrades.providers.incus.settings import Settings


async def refuse_elsewhere(client: IncusClient, settings: Settings, operation: Operation) -> None:
    """Raise ProviderError, permanent, where the instance, of which there is none by its own name, is found by its marks."""
    query = {"recursion": "1", "filter": f"config.{Key.SET} eq {operation.scale_set.key}"}
    try:
        found = (await client.get_of_all_projects("/1.0/instances", **query)).body
    except ProviderError:  # with a certificate for some projects only it may not ask that
        found = (await client.get("/1.0/instances", **query)).body
    for body in found:
        machine = machine_from_json(body)
        if machine.belongs_to(operation) and not machine.is_a_copy:
            raise ProviderError(ELSEWHERE_CODE, _message(settings, operation, body), permanent=True)


def _message(settings: Settings, operation: Operation, body: Mapping[str, Any]) -> str:
    name, other = name_of(operation.scale_set, operation.instance), body["name"]
    project = str(body.get("project") or settings.project)
    is_moved = project != settings.project
    back = (
        f"incus move {other} {name} --project {project} --target-project {settings.project}"
        if is_moved
        else f"incus rename {other} {name} --project {project}"
    )
    return (
        f"Instance {operation.instance}: {settings.place} has it as {other} in the project {project}, with its marks and its id. To bring "
        f"it back: `{back}`. If that is another machine from now on: `incus config unset {other} {Key.SET} --project {project}`, and a "
        "new one is made"
    )
