"""How long does a new OS disk take, beside the boot that nobody can spare it? One real virtual machine, both ways in turn.

usage: python bench/virtual_machines.py [--provider qemu] [--provider libvirt] [--rounds 5]

See docs/providers.md for what must be installed.

- a bare boot: the machine is off, and QEMU is started on the OS disk that it has, until its health page answers.
- a new OS disk: the machine runs, and the provider's REIMAGE is begun, until that has succeeded and the page shows the new version. That
  is a shutdown, a new disk with its seed, the swap, the boot, and the guest's report.
"""

import argparse
import asyncio
import http.client
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.virtual_machines.host import DRIVERS, IMAGE, NEW, OLD, SET, Host, health
from tests.virtual_machines.libvirtd import Libvirtd, lacks
from upgrades.providers.base import Provider
from upgrades.providers.checks.site import Site
from upgrades.providers.hosts.guest_image.__main__ import make_image
from upgrades.providers.hosts.guest_image.packages import fetch
from upgrades.providers.hosts.guest_image.root import Flavour
from upgrades.providers.hosts.image_store import ImageStore

ASK_SECONDS = 0.05
NOT_THERE = (OSError, http.client.HTTPException, json.JSONDecodeError)


async def until_it_shows(provider: Provider, version: str) -> None:
    """Until the machine's health page shows this version."""
    while True:
        address = (await provider.views(SET))["0"].address
        if address:
            try:
                status, report = await asyncio.to_thread(health, provider, address)
            except NOT_THERE:
                status, report = 0, {}
            if status == 200 and report["osVersion"] == version:
                return
        await asyncio.sleep(ASK_SECONDS)


async def seconds(work: Callable[[], Awaitable[None]]) -> float:
    began = time.monotonic()
    await work()
    return time.monotonic() - began


async def measure(host: Host, site: Site, provider: Provider, rounds: int) -> dict[str, list[float]]:
    await site.done(provider, site.create("0", OLD))

    async def bare_boot() -> None:
        machine = host.machine("0")
        await asyncio.to_thread(machine.start, "tcg")
        await until_it_shows(provider, version)

    async def new_os_disk() -> None:
        await site.done(provider, site.reimage("0", version))
        await until_it_shows(provider, version)

    took: dict[str, list[float]] = {"a bare boot": [], "a new OS disk": []}
    version = OLD
    for _ in range(rounds):
        machine = host.machine("0")
        process = await machine.process()
        assert process
        await machine.kill(process)
        took["a bare boot"].append(await seconds(bare_boot))
        version = NEW if version == OLD else OLD
        took["a new OS disk"].append(await seconds(new_os_disk))
    return took


def compare(provider: str, folder: Path, images: Path, rounds: int, **more: object) -> None:
    """Measure, and print a table."""
    given = {"images": str(images), "accelerator": "tcg", "memory_mb": 128, "ports": [80], **more}
    host = Host(folder / provider, given, provider)
    print(f"\n{provider}: one machine, {rounds} rounds; load {os.getloadavg()[0]:.1f}")
    try:
        took = host.play(lambda provider: measure(host, host.site(), provider, rounds))
    finally:
        host.end_all()
    print("| way | median, s | least | most |\n| --- | --- | --- | --- |")
    for way, all_seconds in took.items():
        print(f"| {way} | {statistics.median(all_seconds):.1f} | {min(all_seconds):.1f} | {max(all_seconds):.1f} |")
    bare, ours = (statistics.median(each) for each in took.values())
    print(f"\na new OS disk: {ours / bare:.2f} x a bare boot")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--provider", choices=DRIVERS, action="append")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rollgrid-bench-") as place, ExitStack() as daemons:
        folder = Path(place)
        store = ImageStore(folder / "images")
        parts = fetch(folder / "packages")
        for version in (OLD, NEW):
            make_image(store, parts, replace(IMAGE, version=version), Flavour("good"))
        for provider in options.provider or DRIVERS:
            more = {}
            if provider == "libvirt":
                if lack := lacks():
                    print(f"\nlibvirt is left out. {lack}")
                    continue
                daemon = Libvirtd()
                daemons.callback(daemon.end)
                daemon.start()
                more["uri"] = daemon.uri
            compare(provider, folder, store.folder, options.rounds, **more)


if __name__ == "__main__":
    main()
