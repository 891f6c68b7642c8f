"""All machines of a scale set, as Incus has them now."""

import asyncio
from collections.abc import Mapping
from typing import Any

from upgrades.providers.base import ScaleSetReference
from upgrades.providers.incus.client import IncusClient, IncusError, quoted
from upgrades.providers.incus.records import Key, Machine, machine_from_json, name_of, prefix_of

PATH = "/1.0/instances"


async def machines_of(client: IncusClient, scale_set: ScaleSetReference) -> list[Machine]:
    """In two questions. Instances that the first one leaves out are asked for one by one: while an instance stops or starts, Incus may
    not find out its state, and then lists it without its configuration, or not at all where a filter wants that.
    """
    wanted = f"config.{Key.SET} eq {scale_set.key}"
    listed, paths = await asyncio.gather(client.get(PATH, recursion="2", filter=wanted), client.get(PATH))
    bodies: dict[str, Mapping[str, Any]] = {body["name"]: body for body in listed.body}
    names = [path.rpartition("/")[2].partition("?")[0] for path in paths.body]
    left_out = [name for name in names if name.startswith(prefix_of(scale_set)) and name not in bodies]
    for body in await asyncio.gather(*(_instance(client, name) for name in left_out)):
        if body:
            bodies[body["name"]] = body
    machines = (machine_from_json(body) for body in bodies.values())
    return [machine for machine in machines if _is_of(machine, scale_set)]


def _is_of(machine: Machine, scale_set: ScaleSetReference) -> bool:
    """Is it a machine of this scale set? Copies that people make of one have its marks too, but not its name."""
    instance = machine.config.get(Key.INSTANCE)
    is_marked = instance is not None and machine.config.get(Key.SET) == scale_set.key
    return is_marked and machine.name == name_of(scale_set, machine.config[Key.INSTANCE])


async def _instance(client: IncusClient, name: str) -> Mapping[str, Any] | None:
    """The instance without its state, so without addresses too; None where it is gone."""
    try:
        body: Mapping[str, Any] = (await client.get(f"{PATH}/{quoted(name)}")).body
    except IncusError as error:
        if error.status != 404:
            raise
        return None
    return body
