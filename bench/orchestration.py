"""What does the orchestrator itself cost? A rolling upgrade of instances that boot at once, beside an ideal loop over the same machines.

usage: python bench/orchestration.py [instances, default 500] [instances for Ansible, default 20]

Everything is a whole running Rollgrid: publish, batches of 20 %, real reimages at the simulator, real health probes, every step recorded.
The ideal loop records nothing and decides nothing: it has the same machines reimaged by the same simulator, batch by batch, and asks each
for its health until it is well. Ansible (`serial: 20%`, 20 forks) is measured on a few instances where `ansible-playbook` is installed:
it has each of them answer two http requests.
"""

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench._running import Running, machine, rollgrid

IMAGE = ("Canonical", "UbuntuServer", "16.04-LTS")
ROUNDS = 3
BATCHES = 5
ANSWER_TIMEOUT_SECONDS = 180
WAYS = (("Rollgrid, http probe", "bench/probed", True), ("Rollgrid, no health source", "bench/unprobed", False))


def document(instances: int, *, automatic: bool, probed: bool) -> dict[str, Any]:
    publisher, offer, sku = IMAGE
    settings = {"protocol": "http", "port": 80, "requestPath": "/", "intervalInSeconds": 5, "numberOfProbes": 1}
    health = {"publisher": "Microsoft.ManagedServices", "type": "ApplicationHealthLinux", "settings": settings}
    extensions = {"extensionProfile": {"extensions": [{"name": "health", "properties": health}]}} if probed else {}
    image = {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"}
    return {
        "location": "westeurope",
        "tags": {"rollgrid-sim-boot-seconds": "0"},
        "sku": {"name": "Standard_D2s_v3", "capacity": instances},
        "properties": {
            "upgradePolicy": {
                "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": automatic, "useRollingUpgradePolicy": True},
                "rollingUpgradePolicy": {"maxBatchInstancePercent": 20, "pauseTimeBetweenBatches": "PT0S"},
            },
            "virtualMachineProfile": {"storageProfile": {"imageReference": image}, **extensions},
        },
    }


def put(running: Running, path: str, body: dict[str, Any], instances: int) -> None:
    from upgrades.models import Instance

    file = running.home / "document.json"
    file.write_text(json.dumps(body))
    running.manage("put_scale_set", path, str(file))
    end = time.monotonic() + ANSWER_TIMEOUT_SECONDS
    while Instance.objects.filter(scale_set__key=path, health="healthy").count() < instances:
        if time.monotonic() > end:
            sys.exit(f"{path} does not become healthy")
        time.sleep(0.2)


@dataclass(frozen=True)
class Round:
    """Seconds from the start of an upgrade to its end, seconds of CPU of all processes, and of each gap between two batches."""

    took: float
    cpu: float
    gaps: list[float]


def ours(running: Running, path: str, version: str) -> Round:
    from upgrades.models import RollingUpgrade

    used = running.cpu()
    running.manage("publish_image", *IMAGE, version)
    end = time.monotonic() + ANSWER_TIMEOUT_SECONDS
    found = RollingUpgrade.objects.filter(scale_set__key=path, target_version=version).exclude(ended_at=None)
    while not (upgrade := found.first()):
        if time.monotonic() > end:
            sys.exit(f"{path} does not end its upgrade")
        time.sleep(0.2)
    if upgrade.status != "Completed" or not upgrade.ended_at:
        sys.exit(f"{path}: {upgrade.status} {upgrade.error}")
    took = (upgrade.ended_at - upgrade.started_at).total_seconds()
    return Round(took, running.cpu() - used, _gaps(upgrade))


def _gaps(upgrade: Any) -> list[float]:
    """From the moment at which the last instance of a batch was found healthy to the start of the next."""
    from upgrades.models import Transition

    found = Transition.objects.filter(scale_set=upgrade.scale_set_id, version=upgrade.target_version, health="healthy")
    healthy = dict(found.order_by("-seq").values_list("instance_number", "at"))  # the first time of each
    batches = list(upgrade.batches.order_by("number"))
    ends = [max(healthy[n] for n in batch.members.values_list("instance_number", flat=True)) for batch in batches]
    return [(after.started_at - end).total_seconds() for end, after in zip(ends, batches[1:], strict=False)]


async def ideal(running: Running, path: str, instances: int, version: str) -> float:
    from upgrades.core.facts import ImageReference
    from upgrades.providers.base import MachineProfile, Operation, OperationKind, ScaleSetReference
    from upgrades.providers.simulated.client import SimulatedProvider

    provider = SimulatedProvider(running.home, {})
    reference = ScaleSetReference(path, {"rollgrid-sim-boot-seconds": "0"})
    image, size, began = ImageReference(*IMAGE, version), instances // BATCHES, time.perf_counter()
    for first in range(0, instances, size):
        batch = [
            Operation(str(uuid.uuid4()), OperationKind.REIMAGE, reference, str(number), image, MachineProfile())
            for number in range(first, first + size)
        ]
        await provider.begin(batch)
        left, addresses = [operation.id for operation in batch], []
        while left:
            outcomes = await provider.poll(left, wait_seconds=3)
            done = {id: outcome for id, outcome in outcomes.items() if outcome.progress == "succeeded"}
            addresses += [outcome.view.address for outcome in done.values() if outcome.view]
            left = [id for id in left if id not in done]
        await asyncio.gather(*(_well(*provider.endpoint(address, 80)) for address in addresses))
    took = time.perf_counter() - began
    await provider.close()
    return took


async def _well(host: str, port: int) -> None:
    while True:
        try:
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            line = await reader.readline()
            writer.close()
            if b" 200 " in line:
                return
        except OSError:
            pass
        await asyncio.sleep(0.02)


def ansible(instances: int) -> float:
    """Seconds for so many."""
    with tempfile.TemporaryDirectory() as folder:
        site = subprocess.Popen([sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1"], cwd=folder, **_PIPED)
        try:
            assert site.stdout is not None
            address = site.stdout.readline().split("(")[1].split(")")[0]
            inventory = [
                f"i{n} ansible_connection=local ansible_python_interpreter={sys.executable}" for n in range(instances)
            ]
            Path(folder, "inventory").write_text("\n".join(["[fleet]", *inventory]))
            task = {"uri": {"url": address, "return_content": False}}
            play = {"hosts": "fleet", "gather_facts": False, "serial": "20%", "tasks": [task, task]}
            Path(folder, "play.yml").write_text(json.dumps([play]))
            command = ["ansible-playbook", "-i", "inventory", "-f", "20", "play.yml"]
            began = time.perf_counter()
            subprocess.run(
                command, cwd=folder, check=True, capture_output=True, env={**os.environ, "ANSIBLE_PIPELINING": "1"}
            )
            return time.perf_counter() - began
        finally:
            site.kill()
            site.wait()


_PIPED: dict[str, Any] = {
    "stdout": subprocess.PIPE,
    "stderr": subprocess.DEVNULL,
    "text": True,
    "env": {**os.environ, "PYTHONUNBUFFERED": "1"},
}


def compare(instances: int, few: int) -> None:
    print(machine())
    rows: dict[str, float] = {}
    rounds: dict[str, list[Round]] = {}
    with rollgrid() as running:
        put(running, "bench/ideal", document(instances, automatic=False, probed=True), instances)
        best = min(asyncio.run(ideal(running, "bench/ideal", instances, f"16.04.9{n}")) for n in range(ROUNDS))
        rows["ideal asyncio loop"] = best
        for first, (label, path, probed) in enumerate(WAYS, start=1):
            put(running, path, document(instances, automatic=True, probed=probed), instances)
            rounds[label] = [ours(running, path, f"16.04.{first}0{n}") for n in range(ROUNDS)]
            rows[label] = statistics.median(run.took for run in rounds[label])
            running.manage("delete_scale_set", path)
    if shutil.which("ansible-playbook"):
        rows[f"Ansible, {few} instances, scaled up"] = ansible(few) * instances / few
    else:
        print("Ansible: left out, ansible-playbook is not installed")
    show(rows, rounds, instances)


def show(rows: dict[str, float], rounds: dict[str, list[Round]], instances: int) -> None:
    print(
        f"{instances} instances that boot at once, {BATCHES} batches; the ideal: best of {ROUNDS}, Rollgrid: median of {ROUNDS}"
    )
    print(
        f"{'way':36} {'seconds':>8} {'over the ideal, ms/instance':>28} {'CPU ms/instance':>16} {'gaps, median / worst ms':>24}"
    )
    base = next(iter(rows.values()))
    for label, seconds in rows.items():
        line = f"{label:36} {seconds:8.2f} {(seconds - base) / instances * 1e3:28.2f}"
        if of := rounds.get(label):
            gaps = sorted(gap for run in of for gap in run.gaps)
            cpu = statistics.median(run.cpu for run in of) / instances * 1e3
            line += f" {cpu:16.2f} {statistics.median(gaps) * 1e3:15.0f} / {gaps[-1] * 1e3:.0f} ({len(gaps)})"
        print(line)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    compare(*[*given, *(500, 20)[len(given) :]])
