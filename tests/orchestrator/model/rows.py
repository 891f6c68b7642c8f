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
    *("health", "health_since", "operation_id", "operation_kind", "failed_version"),
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

    def names(self) -> set[str]:
        return {row["key"] for row in self.sets.values()}

    def staying(self, pk: int) -> list[Row]:
        """All but those that are being deleted."""
        return [row for row in self.of_set(pk) if row["operation_kind"] != "delete"]

    def members_of(self, upgrade: Row) -> list[Row]:
        return [row for row in self.members.values() if row["upgrade_id"] == upgrade["id"]]

    def batches_of(self, upgrade: Row) -> list[Row]:
        return [row for row in self.batches.values() if row["upgrade_id"] == upgrade["id"]]

    def free(self, pk: int, upgrade: Row) -> list[Row]:
        """Those that the upgrade can take, in the order of their numbers."""
        opted_out = {row["instance_id"] for row in self.opt_outs.values()}
        taken = {row["instance_number"] for row in self.members_of(upgrade)}
        idle = [row for row in self.of_set(pk) if row["operation_id"] is None and row["number"] not in taken]
        return [
            row for row in idle if row["id"] not in opted_out and is_older(row["version"], upgrade["target_version"])
        ]

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


def is_older(version: str, other: str) -> bool:
    return bool(version) and numbers(version) < numbers(other)


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _by_pk(rows: Any) -> dict[Any, Row]:
    return {row["id"]: row for row in rows}
