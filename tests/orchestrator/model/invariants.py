"""What must hold after every act of anybody, whatever happens. Judged from rows and machines, never by the engine's own functions."""

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from tests.orchestrator.cloud import Cloud, Name, Swap
from tests.orchestrator.model.clocks import Clocks
from tests.orchestrator.model.prober import Witness
from tests.orchestrator.model.rows import IN_FLIGHT, Row, Rows
from upgrades.feed import read

HEALTH_WAIT = 300.0
LOOK = 3.0  # how long a look may take before its lease is over
Json = dict[str, Any]


class Watch:
    """Remembers what it saw, and looks again after every act."""

    def __init__(self, cloud: Cloud, clocks: Clocks, witness: Witness) -> None:
        self._cloud, self._clocks, self._witness = cloud, clocks, witness
        self._before = Rows({}, {}, {}, {}, {}, {}, 0)
        self._states: dict[int, Json] = {}
        self._streams: dict[int, Any] = {}
        self._swaps_seen = 0
        self._may_swap: dict[int, set[str]] = {}
        self._verifying_since: dict[str, float] = {}
        self._begun_since: dict[str, float] = {}
        self._most: dict[Any, int] = {}
        self._last_check = 0.0
        self._probed: dict[int, tuple[datetime | None, float]] = {}
        self.timeout = 0.0

    def has_news(self) -> bool:
        """Has a disk been swapped since the last look?"""
        return len(self._cloud.swaps) > self._swaps_seen

    def check(self) -> None:
        rows = Rows.read()
        self._check_batches(rows)
        self._check_swaps(rows)
        self._check_opt_outs(rows)
        self._check_settled(rows)
        self._check_removals(rows)
        self._check_feed(rows)
        self._note_news(rows)
        self._before, self._last_check = rows, self._clocks.elapsed

    # --- 2: at the instant at which a batch is written ---

    def on_batch(self, values: set[str]) -> None:
        """Called inside the transaction that records a batch, before anything of it is written. `values` are those of its row."""
        rows = Rows.read()
        self._note_news(rows)
        (upgrade,) = (row for row in rows.upgrades.values() if row["id"].hex in values)
        self._judge_start(rows, upgrade["scale_set_id"], upgrade)

    def _judge_start(self, rows: Rows, pk: int, upgrade: Row) -> None:
        row, now = rows.sets[pk], self._clocks.wall()
        instances = [one for one in rows.of_set(pk) if one["operation_kind"] != "delete"]
        policy, total = upgrade["policy"], len(instances)
        assert not rows.in_flight()[pk], "a batch starts while another is in flight"
        sick = [one["number"] for one in instances if self._is_sick(one, row, now)]
        limit = policy["max_unhealthy_percent"]
        assert len(sick) * 100 <= limit * total, f"a batch starts with {sick} of {total} unhealthy (limit {limit} %)"
        fresh = max(10.0, 2.0 * (row["probe_interval_seconds"] if row["probe_protocol"] else 2))
        assert row["probed_at"], "a batch starts and no health was ever known"
        age = abs((now - row["probed_at"]).total_seconds())
        assert age <= fresh + LOOK, f"a batch starts on health of {age:g} s ago"
        self._judge_truth(instances, pk, fresh)
        self._most[upgrade["id"]] = max(1, total * int(policy["max_batch_percent"]) // 100)

    def _is_sick(self, one: Row, row: Row, now: datetime) -> bool:
        """Unknown is unhealthy; initializing is, once it has had its five minutes for sure."""
        if one["health"] == "initializing":
            since = max(one["health_since"], row.get("news_since") or one["health_since"])
            return bool(now >= since + timedelta(seconds=HEALTH_WAIT))
        return bool(one["health"] in ("unhealthy", "unknown"))

    def _judge_truth(self, instances: list[Row], pk: int, fresh: float) -> None:
        """Whatever the clocks say (unless one jumped since the news was written): every healthy one was asked a moment ago."""
        if self._clocks.jumped_at >= self._probed[pk][1]:
            return
        for one in instances:
            if one["health"] == "healthy" and one["operation_id"] is None:
                age = self._clocks.elapsed - self._witness.asked.get(one["id"], float("-inf"))
                assert age <= fresh + LOOK, f"a batch starts, and instance {one['number']} was asked {age:g} s ago"

    def _note_news(self, rows: Rows) -> None:
        for pk, row in rows.sets.items():
            if pk not in self._probed or self._probed[pk][0] != row["probed_at"]:
                self._probed[pk] = (row["probed_at"], self._clocks.elapsed)

    # --- 1: no more than the batch, and one batch only ---

    def _check_batches(self, rows: Rows) -> None:
        for members in rows.in_flight().values():
            batches = {row["batch_id"] for row in members}
            assert len(batches) == 1, f"{len(batches)} batches are in flight"
            batch = rows.batches[batches.pop()]
            assert batch["finished_at"] is None, "a finished batch has members in flight"
            assert rows.upgrades[batch["upgrade_id"]]["ended_at"] is None, "an ended upgrade has members in flight"
        for pk in rows.batches.keys() - self._before.batches.keys():
            size = sum(row["batch_id"] == pk for row in rows.members.values())
            most = self._most[rows.batches[pk]["upgrade_id"]]
            assert 1 <= size <= most, f"a batch of {size}, allowed are {most}"
        self._check_machines(rows)

    def _check_machines(self, rows: Rows) -> None:
        """No machine is being reimaged but by a member in flight, or by one that was given up."""
        for job in self._cloud.begun:
            if job.outcome is None and job.operation.kind == "reimage" and job.operation.id in self._cloud.jobs:
                member = rows.members.get(job.operation.id)
                allowed = (*IN_FLIGHT, "failed")
                assert member is None or member["state"] in allowed, f"{job.name} is reimaged as {member['state']}"

    # --- 3, 4: swaps ---

    def _check_swaps(self, rows: Rows) -> None:
        new = self._cloud.swaps[self._swaps_seen :]
        self._swaps_seen = len(self._cloud.swaps)
        if not new:
            return
        counts = Counter(one.operation for one in self._cloud.swaps)
        assert max(counts.values()) == 1, f"swapped twice by one operation: {counts.most_common(1)}"
        places: Counter[Any] = Counter()
        for one in self._cloud.swaps:
            if member := rows.members.get(one.operation):
                places[member["upgrade_id"], member["instance_number"]] += 1
        assert not places or max(places.values()) == 1, f"swapped twice in one upgrade: {places.most_common(1)}"
        for swap in new:
            self._check_protected(swap, rows)

    def _check_protected(self, swap: Swap, rows: Rows) -> None:
        for pk, row in self._before.opt_outs.items():
            still = rows.opt_outs.get(pk)
            if still is None or not self._in_force(still) or pk not in self._may_swap:
                continue
            instance = rows.instances.get(row["instance_id"])
            if instance and rows.name_of(instance) == swap.name:
                assert swap.operation in self._may_swap[pk], f"the opted-out {swap.name} was reimaged"

    def _check_opt_outs(self, rows: Rows) -> None:
        """Notes what had begun on each opted-out instance when its opt-out was first seen."""
        in_force = {pk: row for pk, row in rows.opt_outs.items() if self._in_force(row)}
        self._may_swap = {
            pk: self._may_swap.get(pk) or self._begun_on(rows.instances.get(row["instance_id"]), rows) | {""}
            for pk, row in in_force.items()
        }

    def _in_force(self, opt_out: Row) -> bool:
        return opt_out["until"] is None or bool(opt_out["until"] > self._clocks.wall())

    def _begun_on(self, instance: Row | None, rows: Rows) -> set[str]:
        if instance is None:
            return set()
        recorded = {
            id
            for id, row in rows.members.items()
            if row["instance_id"] == instance["id"] and row["state"] == "upgrading"
        }
        name = rows.name_of(instance)
        return recorded | {job.operation.id for job in self._cloud.begun if job.name == name}

    # --- 5: no health from before the swap; nobody fails before his time ---

    def _check_settled(self, rows: Rows) -> None:
        for id, row in rows.members.items():
            before = self._before.members.get(id, {}).get("state")
            if row["state"] == before:
                continue
            if before is None or before == "queued":
                self._begun_since.setdefault(id, self._last_check)
            if row["state"] == "verifying":
                self._verifying_since.setdefault(id, self._last_check)
            elif row["state"] == "succeeded":
                self._check_succeeded(id, row)
            elif row["state"] == "failed":
                self._check_failed(id, row)

    def _check_succeeded(self, id: str, row: Row) -> None:
        swap = next(one for one in self._cloud.swaps if one.operation == id)
        assert swap.new_disk == row["new_os_disk"], "succeeded on another disk than its operation made"
        well = self._witness.well.get(swap.new_disk)
        assert well is not None and well >= swap.at, f"{swap.name} succeeded and no probe found its new machine well"

    def _check_failed(self, id: str, row: Row) -> None:
        now = self._clocks.elapsed
        if row["error_code"] == "RollingUpgradeInstanceUnhealthyError":
            waited = now - self._verifying_since.get(id, self._last_check)
            assert waited >= HEALTH_WAIT - 2 * LOOK, (
                f"{row['instance_number']} failed after {waited:g} s, not five minutes"
            )
        elif row["error_code"] == "OSProvisioningTimedOut":
            waited = now - self._begun_since.get(id, self._last_check)
            assert waited >= 0.7 * self.timeout, f"{row['instance_number']} was given up after {waited:g} s"

    # --- capacity ---

    def _check_removals(self, rows: Rows) -> None:
        for pk, row in rows.sets.items():
            kept = sum(one["operation_kind"] != "delete" for one in rows.of_set(pk))
            before = sum(one["operation_kind"] != "delete" for one in self._before.of_set(pk))
            least = 0 if row["deleting"] else min(before, row["capacity"])
            assert kept >= least, f"{kept} instances are left of {before}, wanted are {row['capacity']}"

    # --- 7, 8: the feed ---

    def _check_feed(self, rows: Rows) -> None:
        for pk, row in rows.sets.items():
            if row["seq"] == self._states.get(pk, {}).get("seq") and row == self._before.sets.get(pk):
                continue
            now = _through_json(read.snapshot(pk))
            if self._streams.get(pk) != row["stream"]:
                self._streams[pk] = row["stream"]
                self._states[pk] = {
                    "stream": now["stream"],
                    "seq": 0,
                    "scale_set": None,
                    "instances": {},
                    "upgrade": None,
                }
            self._states[pk] = self._replayed(pk, self._states[pk], now["seq"])
            assert self._states[pk] == now, _difference(self._states[pk], now)
            self._check_progress(rows, pk, now)

    def _replayed(self, pk: int, state: Json, seq: int) -> Json:
        events = read.since(pk, state["seq"])
        assert [event.seq for event in events] == list(range(state["seq"] + 1, seq + 1)), "the seq has a gap"
        for event in events:
            state = read.apply(state, event)
        return state

    def _check_progress(self, rows: Rows, pk: int, shown: Json) -> None:
        upgrade = shown["upgrade"]
        if upgrade is None:
            return
        members = [row for row in rows.members.values() if str(row["upgrade_id"]) == upgrade["id"]]
        targeted = [row for row in members if row["state"] != "skipped"]
        waiting = [
            one
            for one in shown["instances"].values()
            if _waits(one, upgrade, {row["instance_number"] for row in members})
        ]
        progress = upgrade["progress"]
        if upgrade["ended_at"] is None:
            assert sum(progress.values()) == len(targeted) + len(waiting), (
                f"{progress} of {len(targeted)} + {len(waiting)}"
            )
        states = Counter(row["state"] for row in targeted)
        assert progress["successful"] == states["succeeded"]
        assert progress["failed"] == states["failed"]
        assert progress["in_progress"] == sum(states[state] for state in IN_FLIGHT)

    # --- 6, 9: at rest ---

    def check_rest(self, vanished: set[Name]) -> None:
        rows = Rows.read()
        assert all(row["ended_at"] for row in rows.upgrades.values()), "an upgrade never ends"
        assert rows.chunks == 0, "a chunk is left over"
        for one in rows.instances.values():
            assert one["operation_id"] is None, f"{one['name']}: {one['operation_kind']} never ends"
            name = rows.name_of(one)
            machine = self._cloud.machines.get(name)
            if machine is None:
                assert name in vanished or one["provisioning"] == "failed", f"{name} has no machine"
                continue
            assert one["os_disk"] == machine.os_disk, f"{name}: row has {one['os_disk']}, machine {machine.os_disk}"
            assert one["version"] == machine.version
            markers = [disk["marker"] for disk in one["data_disks"]]
            assert markers == [disk.marker for disk in machine.data_disks], f"{name}: another data disk"
        there_are = {rows.name_of(one) for one in rows.instances.values()}
        assert self._cloud.machines.keys() <= there_are, (
            f"machines of nobody: {self._cloud.machines.keys() - there_are}"
        )


def _waits(one: Json, upgrade: Json, taken: set[int]) -> bool:
    is_free = one["opt_out"] is None and int(one["id"]) not in taken
    return bool(is_free and one["version"] and _numbers(one["version"]) < _numbers(upgrade["target"]["version"]))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _through_json(snapshot: Json) -> Json:
    seen: Json = json.loads(json.dumps(snapshot))
    return seen


def _difference(replayed: Json, now: Json) -> str:
    parts = [f"{key}: replayed {replayed[key]} now {now[key]}" for key in now if replayed[key] != now[key]]
    return "events do not lead to the snapshot: " + "; ".join(parts)[:3000]
