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
LOOK = "look at the guest"
# What Incus says while it could not start a network or a pool. It tries again each minute, so that is no failure of what was asked.
STARTING, STARTING_SECONDS = "unavailable on this server", 5.0


class Pause(Exception):
    """The step ends here, and another follows."""

    def __init__(self, seconds: float, why: str) -> None:
        super().__init__(why)
        self.waiting = Waiting(seconds, why)


class FailedOnce(Pause):
    """What Incus was to do has failed, and is done again in the next step."""


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

    async def do(
        self, what: str, begin: Callable[[], Awaitable[Answer]], *, alone: bool = False, in_guest: bool = False
    ) -> Mapping[str, Any]:
        """Have Incus do something in the background, to its end: what that says.

        Raises Pause while it runs: the next step comes here again, and waits for the same. Raises FailedOnce where it fails, and TooOften
        where it does again and again.
        `alone`: it is not begun while Incus does anything else to the instance. Something may run of which nobody has a note: Incus' answer
        to a request was lost, or the process that made the request was killed. Two rebuilds at once destroy the root file system.
        `in_guest`: what runs within the guest. All else is done for only so many instances at once, each from the first such thing until
        its start: one that is stopped does not wait for others.
        """
        try:
            if not self.has_begun(what):
                if not in_guest:
                    await self.take_turn(what)
                if alone:
                    await self._wait_for_others()
                path = (await begin()).operation
                if not path:
                    return {}  # Incus did it at once
                self.memory["incus"] = {"what": what, "path": path}
            result = await self.client.wait(self.memory["incus"]["path"])
        except IncusError as error:
            self.memory.pop("incus", None)
            raise await self._failure(what, error) from None
        if result is None:
            raise Pause(0, what)
        del self.memory["incus"]
        return result

    def has_begun(self, what: str) -> bool:
        """Is that what Incus was last told to do? Nobody may have asked yet what came of it."""
        return bool((self.memory.get("incus") or {}).get("what") == what)

    async def take_turn(self, what: str) -> None:
        """Raises Pause where it does not come now. Then the next step asks for it first, and Incus for nothing."""
        self.memory["in_turn"] = what
        if not await self.turns.take(self.name):
            raise Pause(0, f"{what}: Incus has enough to do")

    async def wait_for_begun(self) -> None:
        """Raises Pause while Incus does what this operation had it begin: until then there is nothing else to look at.

        But a look at a guest may hang: whoever began it comes to it again, and gives up after the time that a boot may take.
        """
        begun = self.memory.get("incus")
        if begun and begun["what"] != LOOK:
            try:
                result = await self.client.wait(begun["path"])
            except IncusError:
                return  # whoever began it comes to it again, and deals with that
            if result is None:
                raise Pause(0, begun["what"])

    async def delete(self, what: str, path: str, *, alone: bool = False) -> None:
        """As `do`. What is gone already is deleted."""
        await self.do(f"delete {what}", lambda: self._begin_deletion(path), alone=alone)

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
        except FailedOnce:
            self.memory["unwilling"] = True
            raise

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

    async def _failure(self, what: str, error: IncusError) -> Pause:
        """Raises TooOften."""
        if running := await self.client.running_on(self.name):
            return FailedOnce(BUSY_SECONDS, f"Incus: {running['description']}")  # which may be why it failed
        if STARTING in error.message:
            return Pause(STARTING_SECONDS, f"{what}: {error.message}")
        self._count(what, error)
        return FailedOnce(RETRY_SECONDS * self.memory["failures"], f"{what}: {error.message}")

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
