"""One step's means: the operation, the machine as Incus tells it, and changes that are refused if somebody else has changed it since."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from upgrades.providers.base import Operation, ProviderError, boot_time
from upgrades.providers.hosts.driver import Ended, Waiting
from upgrades.providers.incus.client import Answer, IncusClient, IncusError, quoted
from upgrades.providers.incus.records import Key, Machine, Phase, machine_from_json, name_of, view_of
from upgrades.providers.incus.settings import Settings
from upgrades.providers.incus.turns import Turns

MAX_FAILURES = 4  # of Incus in one phase; then the operation fails
RETRY_SECONDS = 1.0
BUSY_SECONDS = 0.3
# What Incus says while it could not start a network or a pool. It tries again each minute, so that is no failure of what was asked.
STARTING, STARTING_SECONDS = "unavailable on this server", 5.0


class Pause(Exception):
    """The step ends here, and another follows."""

    def __init__(self, seconds: float, why: str) -> None:
        super().__init__(why)
        self.waiting = Waiting(seconds, why)


class TooOften(Exception):
    """Incus has failed MAX_FAILURES times at the same thing."""


@dataclass(slots=True)
class Work:
    client: IncusClient
    settings: Settings
    operation: Operation
    memory: MutableMapping[str, Any]
    turns: Turns

    @property
    def name(self) -> str:
        return name_of(self.operation.scale_set, self.operation.instance)

    @property
    def path(self) -> str:
        return f"/1.0/instances/{self.name}"

    async def machine(self, *, with_state: bool = False) -> Machine | None:
        """The machine now. Raises ProviderError where an instance of that name is not ours."""
        return await find_machine(self.client, self.settings, self.operation, with_state=with_state)

    async def do(self, what: str, begin: Callable[[], Awaitable[Answer]], *, in_turn: bool = True) -> Mapping[str, Any]:
        """Have Incus do something in the background, to its end: what that says.

        Raises Pause while it runs: the next step comes here again, and waits for the same. Raises TooOften where it fails again and again.
        `in_turn`: only so many instances at once, each from the first such thing until its start: one that is stopped does not wait for
        others.
        """
        begun = self.memory.get("incus") or {}
        try:
            if begun.get("what") != what:
                if in_turn:
                    await self.take_turn(what)
                path = (await begin()).operation
                if not path:
                    return {}  # Incus did it at once
                begun = self.memory["incus"] = {"what": what, "path": path}
            result = await self.client.wait(begun["path"])
        except IncusError as error:
            self.memory.pop("incus", None)
            await self._wait_for_others()
            if STARTING in error.message:
                raise Pause(STARTING_SECONDS, f"{what}: {error.message}") from None
            self._count(what, error)
            raise Pause(RETRY_SECONDS * self.memory["failures"], f"{what}: {error.message}") from None
        if result is None:
            raise Pause(0, what)
        del self.memory["incus"]
        return result

    async def take_turn(self, what: str) -> None:
        """Raises Pause where it does not come now. Then the next step asks for it first, and Incus for nothing."""
        self.memory["in_turn"] = what
        if not await self.turns.take(self.name):
            raise Pause(0, f"{what}: Incus has enough to do")

    async def wait_for_begun(self) -> None:
        """Raises Pause while Incus does what this operation had it begin: until then there is nothing else to look at."""
        if begun := self.memory.get("incus"):
            try:
                result = await self.client.wait(begun["path"])
            except IncusError:
                return  # whoever began it comes to it again, and deals with that
            if result is None:
                raise Pause(0, begun["what"])

    async def delete(self, what: str, path: str) -> None:
        """As `do`. What is gone already is deleted."""
        await self.do(f"delete {what}", lambda: self._begin_deletion(path))

    async def _begin_deletion(self, path: str) -> Answer:
        try:
            return await self.client.delete(path)
        except IncusError as error:
            if error.status != 404:
                raise
            return Answer(None)

    async def advance(self, phase: Phase, changes: Mapping[str, str], *, after: Phase) -> None:
        """Note on the machine how far the operation is. Raises Pause where somebody else did meanwhile."""
        machine = await self.machine()
        if machine is None or (machine.operation, machine.phase) != (self.operation.id, after):
            raise Pause(BUSY_SECONDS, "the instance was changed meanwhile")
        await self.change(machine, {Key.PHASE: phase, **changes})
        self.memory["failures"] = 0

    async def change(self, machine: Machine, config: Mapping[str, str]) -> None:
        """Change its configuration; "" takes a key away. Raises Pause where the instance has changed since it was read."""
        try:
            await self.client.patch(self.path, {"config": dict(config)}, etag=machine.etag)
        except IncusError as error:
            if error.status != 412:
                raise
            raise Pause(BUSY_SECONDS, "the instance was changed meanwhile") from None

    async def power(self, action: str, *, force: bool = False) -> Answer:
        seconds = int(self.settings.stop_seconds)
        return await self.client.put(f"{self.path}/state", {"action": action, "timeout": seconds, "force": force})

    async def stop(self, machine: Machine) -> None:
        """The machine is off afterwards: by its own shutdown if it does that in time."""
        if machine.status == "Stopped":
            return
        is_patient = machine.is_running and not self.memory.get("unwilling")
        try:
            await self.do("stop", lambda: self.power("stop", force=not is_patient))
        except Pause as pause:
            self.memory["unwilling"] = not self.memory.get("incus")
            raise pause from None

    async def wait_for_running(self) -> None:
        """Raises Pause while Incus does something to the instance that somebody else began, such as a process that was killed."""
        if not self.memory.get("incus"):
            await self._wait_for_others()

    async def ended(self) -> Ended:
        """After a success."""
        machine = await self.machine(with_state=True)
        return Ended(view_of(machine)) if machine else Ended(code="InstanceNotFound", message=not_found(self.operation))

    def seconds_in(self, phase: Phase) -> float:
        """For how long this operation has been in the phase, as far as its notes say, or since `restart_clock`.

        Anew after a restart of this computer: it halts all that is awaited, and what the notes say of the time before says nothing then.
        """
        if self.memory.get("phase") != phase or float(self.memory["since"]) > boot_time():
            self.memory["phase"] = phase
            self.restart_clock()
        return boot_time() - float(self.memory["since"])

    def restart_clock(self) -> None:
        self.memory["since"] = boot_time()

    def _count(self, what: str, error: IncusError) -> None:
        self.memory["failures"] = self.memory.get("failures", 0) + 1
        self.memory["troubled"] = True
        if self.memory["failures"] >= MAX_FAILURES:
            raise TooOften(f"{what}: {error.message}")

    async def _wait_for_others(self) -> None:
        if running := await self.client.running_on(self.name):
            raise Pause(BUSY_SECONDS, f"Incus: {running['description']}")


async def find_machine(
    client: IncusClient, settings: Settings, operation: Operation, *, with_state: bool = False
) -> Machine | None:
    """The operation's machine. Raises ProviderError where an instance of that name is not ours: it is never touched."""
    name = name_of(operation.scale_set, operation.instance)
    query = {"recursion": "1"} if with_state else {}
    try:
        answer = await client.get(f"/1.0/instances/{name}", **query)
    except IncusError as error:
        if error.status == 404:
            return None
        raise
    machine = machine_from_json(answer.body, answer.etag)
    if not machine.belongs_to(operation):
        message = (
            f"Instance {operation.instance}: {settings.place} has an instance {name} that is not marked as one of the scale set "
            f"{operation.scale_set.key}, and it is left alone. Rename or delete it."
        )
        raise ProviderError("ForeignInstance", message, permanent=True)
    return machine


def not_found(operation: Operation) -> str:
    return f"Instance {operation.instance} of {operation.scale_set.key} does not exist."


def to_json(code: str, message: str) -> str:
    return json.dumps([code, message])


def image_path(fingerprint: str) -> str:
    return f"/1.0/images/{quoted(fingerprint)}"
