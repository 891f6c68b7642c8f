"""All machines of a scale set, as Incus has them now."""

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from upgrades.providers.base import ScaleSetReference
from upgrades.providers.incus.client import IncusClient, IncusError, quoted
from upgrades.providers.incus.records import Key, Machine, address_of, machine_from_json, name_of, prefix_of

PATH = "/1.0/instances"
# For so long an address is believed, if the machine was not started anew meanwhile. To ask for it is a process on the host for each
# machine: of 200 it takes two cores more than a second.
MIN_SECONDS, MAX_SECONDS = 45.0, 75.0
ASKED_AT_ONCE = 8


class Listing:
    """Remembers addresses. What was found out is kept even where the rest comes too late: the next try has less to ask."""

    def __init__(self) -> None:
        # By the machine's name: its network cards on the host, which are others after each start; until when; its state.
        self._known: dict[str, tuple[str, float, Mapping[str, Any]]] = {}
        self._asking = asyncio.Semaphore(ASKED_AT_ONCE)

    async def machines_of(self, client: IncusClient, scale_set: ScaleSetReference) -> list[Machine]:
        """Instances that the first question leaves out are asked for one by one: while an instance stops or starts, Incus may not find
        out its state, and then lists it without its configuration, or not at all where a filter wants that.
        """
        wanted = f"config.{Key.SET} eq {scale_set.key}"
        listed, paths = await asyncio.gather(client.get(PATH, recursion="1", filter=wanted), client.get(PATH))
        bodies: dict[str, Mapping[str, Any]] = {body["name"]: body for body in listed.body}
        names = [path.rpartition("/")[2].partition("?")[0] for path in paths.body]
        left_out = [name for name in names if name.startswith(prefix_of(scale_set)) and name not in bodies]
        for body in await asyncio.gather(*(_instance(client, name) for name in left_out)):
            if body:
                bodies[body["name"]] = body
        machines = [machine for body in bodies.values() if _is_of(machine := machine_from_json(body), scale_set)]
        self._forget(scale_set, {machine.name for machine in machines})
        return list(await asyncio.gather(*(self._with_state(client, machine) for machine in machines)))

    async def _with_state(self, client: IncusClient, machine: Machine) -> Machine:
        if not machine.is_running:
            return machine
        cards, now = _cards(machine), time.monotonic()
        known = self._known.get(machine.name)
        if known and cards == known[0] and now < known[1]:
            return replace(machine, state=known[2])
        async with self._asking:
            state = await _state(client, machine.name)
        if cards and address_of(state):
            self._known[machine.name] = (cards, now + random.uniform(MIN_SECONDS, MAX_SECONDS), state)
        return replace(machine, state=state)

    def _forget(self, scale_set: ScaleSetReference, names: set[str]) -> None:
        for name in [name for name in self._known if name.startswith(prefix_of(scale_set)) and name not in names]:
            del self._known[name]


def _cards(machine: Machine) -> str:
    """Incus makes up a name on the host for each card at each start; "" where it does not."""
    return " ".join(sorted(value for key, value in machine.config.items() if key.endswith(".host_name")))


async def _state(client: IncusClient, name: str) -> Mapping[str, Any]:
    """Empty where Incus cannot find it out now."""
    try:
        body: Mapping[str, Any] = (await client.get(f"{PATH}/{quoted(name)}/state")).body
    except IncusError:
        return {}
    return body


def _is_of(machine: Machine, scale_set: ScaleSetReference) -> bool:
    """Is it a machine of this scale set? Copies that people make of one have its marks too, but not its name."""
    instance = machine.config.get(Key.INSTANCE)
    is_marked = instance is not None and machine.config.get(Key.SET) == scale_set.key
    return is_marked and machine.name == name_of(scale_set, machine.config[Key.INSTANCE])


async def _instance(client: IncusClient, name: str) -> Mapping[str, Any] | None:
    """None where it is gone."""
    try:
        body: Mapping[str, Any] = (await client.get(f"{PATH}/{quoted(name)}")).body
    except IncusError as error:
        if error.status != 404:
            raise
        return None
    return body
