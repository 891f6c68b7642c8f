"""A worker of its own process: it goes on with operations until they end, or until it is killed.

python -m tests.containers.kills HOME SETTINGS OPERATION ... (ids of operations that were begun)
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.containers.incus import Incus
from tests.waiting import wait_until
from upgrades.providers import load
from upgrades.providers.base import Operation, Progress, Provider, ScaleSetReference
from upgrades.providers.incus.demo.api import Refused
from upgrades.providers.incus.records import Key, name_of

CHECKOUT = Path(__file__).resolve().parents[2]


def begun(incus: Incus, operation: Operation, **settings: object) -> None:
    async def story(provider: Provider) -> None:
        assert await provider.begin([operation]) == {}

    incus.play(story, **settings)


def worker(incus: Incus, *operations: Operation, **settings: object) -> "subprocess.Popen[bytes]":
    ids = [operation.id for operation in operations]
    given = json.dumps(incus.settings(**settings))
    command = [sys.executable, "-m", "tests.containers.kills", str(incus.home), given, *ids]
    return subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.DEVNULL)


def killed(incus: Incus, operation: Operation, when: Callable[[], object], **settings: object) -> None:
    """A worker goes on with it, and is killed as soon as that is true."""
    process = worker(incus, operation, **settings)
    try:
        wait_until(when, seconds=30)
    finally:
        process.kill()
        process.wait()


def has_ended(incus: Incus, scale_set: ScaleSetReference, operation: Operation) -> bool:
    """Is its end written on the instance? What it left is deleted after that."""
    with suppress(Refused):  # it is gone for a moment, while a copy is put back
        return operation.id in incus.config(name_of(scale_set, operation.instance)).get(Key.LAST, "")
    return False


async def go_on(home: Path, settings: dict[str, object], operations: list[str]) -> None:
    provider = load("incus", home, settings)
    try:
        while True:
            outcomes = await provider.poll(operations, wait_seconds=5)
            if all(outcome.progress is not Progress.RUNNING for outcome in outcomes.values()):
                return
    finally:
        await provider.close()


if __name__ == "__main__":
    asyncio.run(go_on(Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]))
