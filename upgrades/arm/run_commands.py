"""Run command: its documents are listed, for clients that look; nothing is run on machines from outside (unknown_addresses.py)."""

from typing import Any

from upgrades.arm import ids
from upgrades.arm.answers import Answer, everything
from upgrades.arm.errors import ArmError
from upgrades.arm.instances import find_instance
from upgrades.arm.options import EXPAND, takes, words
from upgrades.arm.requests import Call, resource
from upgrades.arm.scale_sets import find, find_location

SCHEMA = "http://schema.management.azure.com/schemas/2016-11-17/runcommands.json"
NOT_RUN = "Listed only: commands are not run here."
RUN_COMMANDS = {
    "RunShellScript": ("Linux", "Executes a Linux shell script"),
    "RunPowerShellScript": ("Windows", "Executes a PowerShell script"),
}


def documents(call: Call, location: str) -> Answer:
    find_location(location)
    return everything([_document(name) for name in RUN_COMMANDS])


def document(call: Call, location: str, document: str) -> Answer:
    find_location(location)
    name = next((known for known in RUN_COMMANDS if known.lower() == document.lower()), None)
    if name is None:
        message = f"There is no run command '{document[:80]}'; there are: {', '.join(RUN_COMMANDS)}."
        raise ArmError("NotFound", message)
    return Answer({**_document(name), "script": [], "parameters": []})


def _document(name: str) -> dict[str, Any]:
    os_type, label = RUN_COMMANDS[name]
    return {"$schema": SCHEMA, "id": name, "osType": os_type, "label": label, "description": f"{label}. {NOT_RUN}"}


@takes(EXPAND)
def of_instance(call: Call, group: str, name: str, instance: str) -> Answer:
    """Those that were put on an instance: none."""
    words(call.query, EXPAND, ("instanceView",))
    find_instance(find(group, name), instance)
    return everything([])


DOCUMENTS = resource(ids.COMPUTE, GET=documents)
DOCUMENT = resource(ids.COMPUTE, GET=document)
OF_INSTANCE = resource(ids.COMPUTE, GET=of_instance)
