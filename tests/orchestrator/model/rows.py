"""Everything that the invariants look at, read from the database in a few queries."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import connection

from tests.compiled import Compiled, all_values
from upgrades.models import (
    Batch,
    FleetStop,
    Instance,
    InstanceUpgrade,
    OptOut,
    RequestedOperation,
    RollingUpgrade,
    ScaleSet,
    WorkItem,
)

Row = dict[str, Any]
IN_FLIGHT = ("queued", "upgrading", "verifying", "rolling_back")
HAS_FAILED = ("failed", "rolling_back", "rolled_back")


SET = (
    *("id", "key", "stream", "seq", "capacity", "automatic_upgrade", "image_version", "deleting"),
    *("probed_at", "probe_protocol", "probe_interval_seconds", "policy", "probed_without_gap_since"),
    *("update_domains", "document__zones"),
)
INSTANCE = (
    *("id", "scale_set_id", "number", "name", "version", "os_disk", "data_disks", "provisioning"),
    *("health", "health_since", "operation_id", "operation_kind", "failed_version", "extensions_key"),
    "approved_version",
    *("power", "failures", "quarantined_at", "member_id", "missing_since", "work_item_id"),
)


@cache
def _queries(vendor: str) -> dict[str, Compiled]:
    return {
        "sets": Compiled(ScaleSet.objects.order_by("pk").values(*SET)),
        "instances": Compiled(Instance.objects.order_by("scale_set", "number").values(*INSTANCE)),
        "upgrades": Compiled(all_values(RollingUpgrade)),
        "batches": Compiled(all_values(Batch).order_by("pk")),
        "members": Compiled(all_values(InstanceUpgrade).order_by("instance_number")),
        "opt_outs": Compiled(all_values(OptOut).filter(ended_at=None).order_by("pk")),
        "work_items": Compiled(WorkItem.objects.values("id", "attempts")),
        "requested": Compiled(RequestedOperation.objects.values("id")),
        "fleet_stops": Compiled(all_values(FleetStop)),
    }


@dataclass(frozen=True, slots=True)
class Rows:
    sets: dict[int, Row]
    instances: dict[int, Row]
    upgrades: dict[Any, Row]
    batches: dict[int, Row]
    members: dict[str, Row]
    opt_outs: dict[int, Row]
    work_items: dict[int, Row]
    fleet_stops: list[Row] = field(default_factory=list)
    requested: set[str] = field(default_factory=set)  # the operations that people asked for by hand

    @classmethod
    def read(cls) -> "Rows":
        ask = _queries(connection.vendor)
        return cls(
            sets=_by_pk(ask["sets"].rows()),
            instances=_by_pk(ask["instances"].rows()),
            upgrades=_by_pk(ask["upgrades"].rows()),
            batches=_by_pk(ask["batches"].rows()),
            members={str(row["id"]): row for row in ask["members"].rows()},
            opt_outs=_by_pk(ask["opt_outs"].rows()),
            work_items=_by_pk(ask["work_items"].rows()),
            fleet_stops=ask["fleet_stops"].rows(),
            requested={str(row["id"]) for row in ask["requested"].rows()},
        )

    def of_set(self, pk: int) -> list[Row]:
        return [row for row in self.instances.values() if row["scale_set_id"] == pk]

    def names(self) -> set[str]:
        return {row["key"] for row in self.sets.values()}

    def staying(self, pk: int) -> list[Row]:
        """All but those that are being deleted, and those that are to replace another and have not done so."""
        return [row for row in self.of_set(pk) if row["operation_kind"] != "delete" and not self.is_spare(row)]

    def is_spare(self, instance: Row) -> bool:
        """It was made to replace another, which still counts."""
        member = self.members.get(str(instance["member_id"]))
        return bool(member and member["replacement_id"] == instance["id"] and member["state"] != "succeeded")

    def replaced_in(self, instance: Row) -> Row | None:
        """The member by which another has taken its place."""
        member = self.members.get(str(instance["member_id"]))
        is_replaced = member and member["replacement_number"] is not None and member["instance_id"] == instance["id"]
        return member if member and is_replaced and member["state"] == "succeeded" else None

    def counted(self, pk: int) -> list[Row]:
        """Those that count for a limit: a machine that is switched off does not, nor one that is not there (yet)."""
        return [row for row in self.staying(pk) if not is_off(row) and exists(row)]

    def attempts(self, pk: int) -> list[Row]:
        """All upgrades of the set to an image, the latest first."""
        found = [row for row in self.upgrades.values() if row["scale_set_id"] == pk and row["kind"] == "image"]
        return sorted(found, key=lambda row: row["started_at"], reverse=True)

    def fleet_is_stopped(self, now: datetime) -> bool:
        return any(row["until"] is None or row["until"] > now for row in self.fleet_stops if not row["ended_at"])

    def ends_by(self, upgrade: Row, now: datetime) -> datetime | None:
        """When its time is over: that of one of the platform's stands still while the fleet is stopped."""
        end: datetime | None = upgrade["ends_by"]
        if end is None or upgrade["started_by"] != "Platform":
            return end
        for stop in self.fleet_stops:
            until = min(moment for moment in (stop["ended_at"], stop["until"], now) if moment)
            end += max(timedelta(0), until - max(stop["created_at"], upgrade["started_at"]))
        return end

    def members_of(self, upgrade: Row) -> list[Row]:
        return [row for row in self.members.values() if row["upgrade_id"] == upgrade["id"]]

    def is_stopped_on_the_way(self, upgrade: Row) -> bool:
        """Not by the gate before anything was touched: that may open at any moment."""
        code = (upgrade["error"] or {}).get("code")
        is_other = code in ("InternalExecutionError", "RollingUpgradeTimeoutError") or bool(self.members_of(upgrade))
        return upgrade["status"] == "Faulted" and is_other

    def batches_of(self, upgrade: Row) -> list[Row]:
        return [row for row in self.batches.values() if row["upgrade_id"] == upgrade["id"]]

    def last_batch_of(self, upgrade: Row) -> Row | None:
        return max(self.batches_of(upgrade), key=lambda batch: batch["number"], default=None)

    def free(self, pk: int, upgrade: Row) -> list[Row]:
        """Those that the upgrade can take, in the order of their numbers."""
        taken = {row["instance_number"] for row in self.members_of(upgrade)}
        is_by_platform = upgrade["started_by"] == "Platform"
        return [
            row
            for row in self.untouched(pk)
            if row["number"] not in taken
            and not (is_by_platform and row["quarantined_at"])
            and _is_wanted(row, upgrade)
        ]

    def may_begin(self, pk: int, upgrade: Row) -> list[Row]:
        """Of those: all, or where the upgrade is deferred those that are approved for its version."""
        free, version = self.free(pk, upgrade), upgrade["target_version"]
        is_deferred = upgrade["policy"]["deferral"]
        return [row for row in free if not is_deferred or row["approved_version"] == version]

    def untouched(self, pk: int) -> list[Row]:
        """Nothing is done to them, they run, and nobody opted them out."""
        opted_out = {row["instance_id"] for row in self.opt_outs.values()}
        idle = [
            row for row in self.of_set(pk) if row["operation_id"] is None and not is_off(row) and not self.is_spare(row)
        ]
        return [row for row in idle if row["id"] not in opted_out]

    def place(self, instance: Row) -> tuple[str, int]:
        """Its zone and its update domain."""
        row, number = self.sets[instance["scale_set_id"]], instance["number"]
        zones, domains = row["document__zones"] or [""], row["update_domains"] or 1
        return str(zones[number % len(zones)]), number % domains

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


def _is_wanted(instance: Row, upgrade: Row) -> bool:
    if upgrade["kind"] == "extensions":
        return bool(instance["version"]) and instance["extensions_key"] != upgrade["target_extensions"]
    target = upgrade["target_version"]
    has_failed = instance["failed_version"] == target
    if upgrade["only_failed"]:
        return bool(has_failed)
    return is_older(instance["version"], target) and bool(upgrade["takes_failed"] or not has_failed)


def is_off(instance: Row) -> bool:
    """Switched off, by whomever."""
    return instance["power"] in ("stopped", "deallocated") and instance["operation_id"] is None


def exists(instance: Row) -> bool:
    """There is a machine, as far as anybody knows."""
    return instance["missing_since"] is None and instance["operation_kind"] != "create"


def is_older(version: str, other: str) -> bool:
    return bool(version) and numbers(version) < numbers(other)


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _by_pk(rows: Any) -> dict[Any, Row]:
    return {row["id"]: row for row in rows}
