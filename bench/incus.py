"""What does Rollgrid's provider add to the time that Incus itself takes? 16 containers in batches of 8, three ways, in one run.

usage: python bench/incus.py [--machines 16] [--batch 8] [--pool dir] [--root-mb 0]
(as root; see docs/providers.md for what must be installed. `--pool btrfs`: in a file; `--root-mb`: so much more in each root file system)

Each way reimages all containers to another version. A batch is over when all of its health pages show that version:
- bare: stop by force, rebuild, start. The old root file systems are gone, and nobody remembers what was begun.
- the same promises: a shutdown, an image made of the root file system, rebuild, start; the image before is deleted.
- the provider: that, with the operation written on the instance and in a journal, markers of data disks read, a view of each.

The ways come in turn within each batch, twice.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.containers.incus import Incus
from upgrades.core.facts import ImageReference
from upgrades.core.states import OperationKind
from upgrades.providers.base import DataDisk, MachineProfile, Operation, Provider, ScaleSetReference
from upgrades.providers.checks.site import done
from upgrades.providers.incus.demo.daemon import DIR, lacks
from upgrades.providers.incus.demo.tiny_image import Kind
from upgrades.providers.incus.records import name_of

SET = ScaleSetReference("bench/web")
PROFILE = MachineProfile(data_disks=(DataDisk(0, 1),))
POOL_GB = 16
VERSIONS = ("16.04.2", "16.04.3")
Reimage = Callable[[list[str], str], Awaitable[None]]


def operation(kind: OperationKind, instance: str, version: str) -> Operation:
    image = ImageReference("Canonical", "UbuntuServer", "16.04-LTS", version)
    return Operation(os.urandom(8).hex(), kind, SET, instance, image, PROFILE)


class Bare:
    """Incus' REST API and nothing else."""

    def __init__(self, incus: Incus, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._copies: dict[str, str] = {}
        self._images = {version: incus.fingerprint(version) for version in VERSIONS}

    async def bare(self, instances: list[str], version: str) -> None:
        await asyncio.gather(*(self._swap(each, version, is_careful=False) for each in instances))

    async def careful(self, instances: list[str], version: str) -> None:
        await asyncio.gather(*(self._swap(each, version, is_careful=True) for each in instances))

    async def _swap(self, instance: str, version: str, *, is_careful: bool) -> None:
        name = name_of(SET, instance)
        path = f"/1.0/instances/{name}"
        image = {"type": "image", "fingerprint": self._images[version]}
        await self._do("PUT", f"{path}/state", {"action": "stop", "timeout": 30, "force": not is_careful})
        if is_careful:
            source = {"type": "instance", "name": name}
            # Without a property of its own, the copy of an equal root file system would be the same image.
            body = {"source": source, "compression_algorithm": "none", "properties": {"name": name, "of": version}}
            copy = await self._do("POST", "/1.0/images", body)
        await self._do("POST", f"{path}/rebuild", {"source": image})
        await self._do("PUT", f"{path}/state", {"action": "start", "timeout": 30})
        if is_careful:
            if instance in self._copies:
                await self._do("DELETE", f"/1.0/images/{self._copies[instance]}", None)
            self._copies[instance] = copy["fingerprint"]

    async def _do(self, method: str, path: str, body: Any) -> Any:
        async with self._session.request(method, f"http://incus{path}", json=body) as response:
            begun = await response.json()
        assert begun["type"] == "async", (method, path, begun["error"])
        async with self._session.get(f"http://incus{begun['operation']}/wait") as response:
            answer = await response.json()
        assert answer["type"] == "sync", (method, path, answer["error"])
        ended = answer["metadata"]
        assert ended["status"] == "Success", (method, path, ended["err"])
        return ended["metadata"]


async def measure(incus: Incus, provider: Provider, machines: int, batch: int) -> None:
    instances = [str(number) for number in range(machines)]
    for first in range(0, machines, batch):
        births = [operation(OperationKind.CREATE, each, "16.04.1") for each in instances[first : first + batch]]
        await done(provider, *births)

    async def through_provider(some: list[str], version: str) -> None:
        await done(provider, *(operation(OperationKind.REIMAGE, each, version) for each in some))

    connector = aiohttp.UnixConnector(str(incus.socket))
    async with (
        aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(60)) as session,
        aiohttp.ClientSession() as web,
    ):
        bare = Bare(incus, session)
        ways: dict[str, Reimage] = {
            "bare": bare.bare,
            "the same promises": bare.careful,
            "the provider": through_provider,
        }
        addresses = {id: view.address for id, view in (await provider.views(SET)).items()}
        print(f"{machines} containers, {batch} at a time; load {os.getloadavg()[0]:.1f}")
        print("| way | first round, s | second round, s | each container, s |\n| --- | --- | --- | --- |")
        seconds = {way: [0.0, 0.0] for way in ways}
        # In turn within each batch, so that other work on the computer meets all of them alike.
        for turn, first in ((turn, first) for turn in range(2) for first in range(0, machines, batch)):
            some = instances[first : first + batch]
            for number, (way, reimage) in enumerate(ways.items(), start=turn * len(ways)):
                version, began = VERSIONS[number % 2], time.monotonic()
                await reimage(some, version)
                await asyncio.gather(*(shows(web, addresses[each], version) for each in some))
                seconds[way][turn] += time.monotonic() - began
        for way, (earlier, later) in seconds.items():
            print(f"| {way} | {earlier:.1f} | {later:.1f} | {(earlier + later) / 2 / machines:.2f} |")
        ours, bare_seconds, same = (sum(seconds[way]) for way in ("the provider", "bare", "the same promises"))
        print(f"\nthe provider: {ours / bare_seconds:.2f} x bare, {ours / same:.2f} x the same promises")


async def shows(web: aiohttp.ClientSession, address: str, version: str) -> None:
    """As soon as the machine's health page shows that version."""
    async with asyncio.timeout(60):
        while True:
            try:
                async with web.get(f"http://{address}/cgi-bin/healthz", timeout=aiohttp.ClientTimeout(2)) as response:
                    if (await response.text()).strip() == version:
                        return
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            await asyncio.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=16)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--pool", default=DIR)
    parser.add_argument("--root-mb", type=int, default=0)
    options = parser.parse_args()
    if lack := lacks():
        print(f"left out: {lack}")
        return
    incus = Incus(options.pool, pool_gb=0 if options.pool == DIR else POOL_GB)
    try:
        incus.start()
        incus.set_up()
        for version in VERSIONS if options.root_mb else ():
            ballast = os.urandom(options.root_mb * 1_000_000)
            incus.point(version, incus.add_image(version, Kind.GOOD, ballast=ballast))
        incus.play(lambda provider: measure(incus, provider, options.machines, options.batch))
    finally:
        incus.stop()


if __name__ == "__main__":
    main()
