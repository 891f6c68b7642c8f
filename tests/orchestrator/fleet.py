"""Drives the orchestrator by hand: real rows, a real simulator, no Celery, and a clock that the test holds."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.orchestrator.checked_cache import CheckedCache
from tests.providers.simulator import http_status
from tests.stories import edited
from upgrades.commands.images import publish_image
from upgrades.commands.scale_sets import set_model
from upgrades.core.facts import ImageReference
from upgrades.core.machines import InstanceView
from upgrades.core.states import Health
from upgrades.feed.writing import writing
from upgrades.models import Instance, RollingUpgrade, ScaleSet, WorkItem
from upgrades.orchestrator.reconcile import WorkClaim, reconcile
from upgrades.orchestrator.work import work
from upgrades.prober import probe_targets, write_back
from upgrades.prober.write_back import Verdict
from upgrades.providers.base import ScaleSetReference
from upgrades.providers.simulated.client import SimulatedProvider

IMAGE = ("Canonical", "UbuntuServer", "16.04-LTS")
START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


class Fleet:
    """One scale set of instant machines. `now` moves only when the test says so; those in `sick` answer, and not well."""

    def __init__(self, home: Path, instances: int, **tags: str) -> None:
        self.home = home
        self.now = START
        self.sick: set[int] = set()
        self.row_cache = CheckedCache()
        self.path = f"test/s{uuid4().hex[:8]}"
        self.tags = {"rollgrid-sim-boot-seconds": "0", **{f"rollgrid-sim-{key}": value for key, value in tags.items()}}
        self.put(instances)
        self.id = ScaleSet.objects.get(key=self.path).pk

    # --- what people do ---

    def put(self, instances: int, *, automatic: bool = True) -> None:
        set_model(self.path, self._document(instances, automatic), self.now)

    def edit(self, changes: Mapping[str, object]) -> None:
        """Changes these fields of its document, by their dotted paths."""
        body: Any = self.row.document
        for path, value in changes.items():
            body = edited(body, path, value)
        set_model(self.path, body, self.now)

    def publish(self, version: str) -> None:
        publish_image(ImageReference(*IMAGE, version), self.now)

    def change(self, *numbers: int, **fields: object) -> None:
        """Sets fields of these instances, or of all, where a test begins with them, and says so as whoever writes does."""
        with writing(self.now, self.id) as writer:
            rows = self.row.instances.filter(number__in=numbers) if numbers else self.row.instances.all()
            rows.update(**fields)
            writer.changed(*rows)

    # --- what the processes do ---

    def reconcile(self) -> list[WorkClaim]:
        return reconcile(self.id, lambda: self.now, cache=self.row_cache)

    def work(self, claims: list[WorkClaim]) -> None:
        """What the tasks do: works on each work item until it is done or left."""
        for claim in claims:
            number: int | None = claim.claim_number
            while number is not None:
                report = work(claim.work_item_id, number, lambda: self.now, lambda *_: None)
                number = report.claim_number if report else None

    def probe(self) -> None:
        """What the prober does, in one go: asks every instance on its real socket, writes the verdicts and how fresh they are."""
        probed = probe_targets.read(self.id)
        assert probed
        verdicts = []
        for instance in [each for each in probed.instances.values() if each.os_disk]:
            status = http_status(instance.address) if instance.address else None
            is_well = status == 200 and instance.number not in self.sick
            verdicts.append(Verdict(instance, Health.HEALTHY if is_well else Health.UNHEALTHY, f"HTTP {status}"))
        write_back.write_verdicts(self.id, verdicts, self.now)
        write_back.write_probed_at({self.id: self.now}, self.now)

    def go_on(self, rounds: int = 40) -> None:
        """Looks, works and probes, second after second, until nothing is handed out and nothing changes any more."""
        for _ in range(rounds):
            seq = self.row.seq
            self.work(self.reconcile())
            self.probe()
            self.now += timedelta(seconds=1)
            if self.row.seq == seq:
                return
        raise AssertionError(f"still not at rest: {self.row.decision}")

    def later(self, **length: float) -> None:
        """Time passes, and the prober goes on saying how fresh its news is: now, and so often until then that there is no gap."""
        write_back.write_probed_at({self.id: self.now}, self.now)
        self.now += timedelta(**length)
        ScaleSet.objects.filter(pk=self.id).update(probed_at=self.now)

    # --- what there is ---

    @property
    def row(self) -> ScaleSet:
        return ScaleSet.objects.get(pk=self.id)

    @property
    def upgrade(self) -> RollingUpgrade:
        upgrade = self.row.upgrades.first()
        assert upgrade
        return upgrade

    @property
    def instances(self) -> list[Instance]:
        return list(Instance.objects.filter(scale_set=self.id).select_related("member").order_by("number"))

    @property
    def work_items(self) -> list[WorkItem]:
        return list(WorkItem.objects.filter(scale_set=self.id))

    def views(self) -> dict[str, InstanceView]:
        """The machines, as the simulator itself sees them."""

        async def ask() -> dict[str, InstanceView]:
            provider = SimulatedProvider(self.home, {})
            try:
                return dict(await provider.views(ScaleSetReference(self.path, self.tags)))
            finally:
                await provider.close()

        return asyncio.run(ask())

    def _document(self, instances: int, automatic: bool) -> dict[str, Any]:
        publisher, offer, sku = IMAGE
        settings = {"protocol": "http", "port": 80, "requestPath": "/", "intervalInSeconds": 5}
        health = {
            "publisher": "Microsoft.ManagedServices",
            "type": "ApplicationHealthLinux",
            "settings": settings,
        }
        return {
            "location": "westeurope",
            "tags": self.tags,
            "sku": {"name": "Standard_D2s_v3", "capacity": instances},
            "properties": {
                "upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": automatic}},
                "virtualMachineProfile": {
                    "storageProfile": {
                        "imageReference": {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"},
                        "dataDisks": [{"lun": 0, "diskSizeGB": 32}],
                    },
                    "osProfile": {"computerNamePrefix": "vm", "customData": "I2Nsb3VkLWNvbmZpZw=="},
                    "extensionProfile": {"extensions": [{"name": "health", "properties": health}]},
                },
            },
        }
