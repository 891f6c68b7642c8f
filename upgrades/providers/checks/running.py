"""Runs the checks against a provider's real machines, one after the other, and takes away what they made."""

import asyncio
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from uuid import uuid4

from upgrades.core.facts import ImageReference
from upgrades.providers.base import (
    Capabilities,
    KeptOSDisk,
    OperationMemory,
    Provider,
    ProviderError,
    ScaleSetReference,
)
from upgrades.providers.checks import extensions, machines, power, restores
from upgrades.providers.checks.site import Check, Checks, Site, Skipped

GROUPS: dict[str, Checks] = {
    "machines": machines.checks,
    "restores": restores.checks,
    "extensions": extensions.checks,
    "power": power.checks,
}
PUTS_BACK = (KeptOSDisk.EXACT, KeptOSDisk.COPY)
SHOWN_VALUE = 300  # characters of a value that a failed check names


class Verdict(StrEnum):
    PASSED = "ok"
    FAILED = "FAILED"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """How a check ended; `why`: lines about a failure, or why it was skipped. `left`: machines that could not be taken away."""

    check: Check
    verdict: Verdict
    scale_set: str
    why: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def run(
    make: Callable[[], Provider],
    image: ImageReference,
    versions: tuple[str, str, str],
    groups: tuple[str, ...],
    operation_seconds: float,
) -> Iterator[Result]:
    """The result of each check of these groups, as soon as it is known."""
    for group in groups:
        for check in GROUPS[group].all:
            scale_set = ScaleSetReference(f"rollgrid-check/{uuid4().hex[:8]}")
            site = Site(scale_set, make, image, versions, operation_seconds)
            yield asyncio.run(_result(group, check, site))


def may_and_may_not(capabilities: Capabilities) -> Iterator[str]:
    """Sentences about what Rollgrid may promise with such a cloud."""
    yield {
        OperationMemory.REMEMBERS: "It remembers operations: none is begun twice.",
        OperationMemory.COMPARE_AND_SWAP: "It compares before it changes a machine: of two workers, one is refused.",
        OperationMemory.NEITHER: "It neither remembers operations nor compares: one whose fate is unknown waits before it is begun again.",
    }[capabilities.memory]
    yield {
        KeptOSDisk.EXACT: "It keeps the replaced OS disk: a rollback puts back that very disk.",
        KeptOSDisk.COPY: "It copies the OS disk before it replaces it: a rollback puts back the copy. That takes time and space.",
        KeptOSDisk.VERSION: "It keeps no OS disk: a rollback makes a new one from the image of before, and what was written is lost.",
        KeptOSDisk.NONE: "It keeps no OS disk: there is no rollback.",
    }[capabilities.kept_os_disk]
    yield (
        "It switches machines on and off on request."
        if capabilities.switches_machines
        else "It does not switch machines on and off: start, restart, powerOff and deallocate are refused."
    )
    kept = ", ".join(sorted(capabilities.keeps))
    yield (
        f"Of a machine, these stay when its OS disk is replaced: {kept}."
        if kept
        else ("It does not say that anything of a machine stays when its OS disk is replaced.")
    )


async def _result(group: str, check: Check, site: Site) -> Result:
    provider, key = site.make(), site.scale_set.key
    try:
        await _asked(provider)
        if group == "restores" and provider.capabilities.kept_os_disk not in PUTS_BACK:
            return Result(check, Verdict.SKIPPED, key, ("this provider does not keep the replaced OS disk",))
        if group == "power" and not provider.capabilities.switches_machines:
            return Result(check, Verdict.SKIPPED, key, ("this provider does not switch machines on and off",))
        verdict, why = await _told(check, site, provider)
        return Result(check, verdict, key, why, await _take_away(site, provider))
    finally:
        await provider.close()


def capabilities_of(make: Callable[[], Provider]) -> Capabilities:
    """What the cloud says that it can do. Raises ProviderError."""

    async def found() -> Capabilities:
        provider = make()
        try:
            await provider.views(ScaleSetReference("rollgrid-check/nothing"))
            return provider.capabilities
        finally:
            await provider.close()

    return asyncio.run(found())


async def _asked(provider: Provider) -> None:
    """A provider may know what its cloud can do only once that has answered. A check finds out that it does not answer."""
    with suppress(ProviderError):
        await provider.views(ScaleSetReference("rollgrid-check/nothing"))


async def _told(check: Check, site: Site, provider: Provider) -> tuple[Verdict, tuple[str, ...]]:
    try:
        await check.story(site, provider)
    except Skipped as skipped:
        return Verdict.SKIPPED, (str(skipped),)
    except AssertionError as error:
        return Verdict.FAILED, tuple(_lines_of(error))
    except ProviderError as error:
        return Verdict.FAILED, (f"{error.code}: {error.message}",)
    except TimeoutError:
        return Verdict.FAILED, (f"an operation did not end in {site.operation_seconds:g} s",)
    except Exception as error:
        # Whatever a provider raises instead of a ProviderError is its fault, and the other checks go on.
        return Verdict.FAILED, (f"it raised {type(error).__name__}: {error}",)
    return Verdict.PASSED, ()


def _lines_of(error: AssertionError) -> Iterator[str]:
    """The line of the story that failed, and the values of the names in it."""
    frames = list(traceback.walk_tb(error.__traceback__))
    frame = frames[-1][0]
    summary = traceback.extract_tb(error.__traceback__)[-1]
    yield summary.line or "an assertion"
    if error.args:
        yield f"  {error}"[:SHOWN_VALUE]
    for name, value in frame.f_locals.items():
        if summary.line and name in summary.line and name not in ("provider", "site"):
            yield f"  {name} = {value!r}"[:SHOWN_VALUE]


async def _take_away(site: Site, provider: Provider) -> tuple[str, ...]:
    """Delete what the check made. Returns the instances that are still there."""
    left: tuple[str, ...] = ("(the provider could not be asked which are left)",)
    try:
        # One that is still busy is asked again until its operation is over.
        async with asyncio.timeout(site.operation_seconds):
            while left := tuple(await provider.views(site.scale_set)):
                deletions = [site.delete(instance) for instance in left]
                refused = await provider.begin(deletions)
                await site.outcomes(provider, [deletion for deletion in deletions if deletion.id not in refused])
                await asyncio.sleep(0.2 if refused else 0)
    except Exception:
        # A faulty provider fails here as it does in its checks.
        return left
    return ()
