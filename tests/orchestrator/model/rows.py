"""Everything that the invariants look at, read from the database in a few queries."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from upgrades.models import Batch, Chunk, Instance, InstanceUpgrade, OptOut, RollingUpgrade, ScaleSet

Row = dict[str, Any]
IN_FLIGHT = ("queued", "upgrading", "verifying")


SET = (
    *("id", "key", "stream", "seq", "capacity", "automatic_upgrade", "image_version", "deleting"),
    *("probed_at", "probe_protocol", "probe_interval_seconds", "max_batch_percent", "news_since"),
)
INSTANCE = (
    *("id", "scale_set_id", "number", "name", "version", "os_disk", "data_disks", "provisioning"),
    *("health", "health_since", "operation_id", "operation_kind"),
)


@dataclass(frozen=True, slots=True)
class Rows:
    sets: dict[int, Row]
    instances: dict[int, Row]
    upgrades: dict[Any, Row]
    batches: dict[int, Row]
    members: dict[str, Row]
    opt_outs: dict[int, Row]
    chunks: int

    @classmethod
    def read(cls) -> "Rows":
        return cls(
            sets=_by_pk(ScaleSet.objects.order_by("pk").values(*SET)),
            instances=_by_pk(Instance.objects.order_by("scale_set", "number").values(*INSTANCE)),
            upgrades=_by_pk(RollingUpgrade.objects.values()),
            batches=_by_pk(Batch.objects.order_by("pk").values()),
            members={
                str(pk): row for pk, row in _by_pk(InstanceUpgrade.objects.order_by("instance_number").values()).items()
            },
            opt_outs=_by_pk(OptOut.objects.filter(ended_at=None).order_by("pk").values()),
            chunks=Chunk.objects.count(),
        )

    def of_set(self, pk: int) -> list[Row]:
        return [row for row in self.instances.values() if row["scale_set_id"] == pk]

    def running(self, pk: int) -> Row | None:
        """The upgrade of this set that has not ended."""
        return next(
            (row for row in self.upgrades.values() if row["scale_set_id"] == pk and row["ended_at"] is None), None
        )

    def in_flight(self) -> dict[int, list[Row]]:
        """Members in flight, by scale set."""
        found: dict[int, list[Row]] = defaultdict(list)
        for row in self.members.values():
            if row["state"] in IN_FLIGHT:
                found[self.upgrades[row["upgrade_id"]]["scale_set_id"]].append(row)
        return found

    def name_of(self, instance: Row) -> tuple[str, str]:
        """The machine's name in the cloud."""
        return self.sets[instance["scale_set_id"]]["key"], str(instance["number"])


def _by_pk(rows: Any) -> dict[Any, Row]:
    return {row["id"]: row for row in rows}
