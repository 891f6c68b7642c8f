"""What must hold after every act of anybody, whatever happens. Judged from rows and machines, never by the engine's own functions."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.orchestrator.cloud import Cloud, Name, Swap
from tests.orchestrator.model.clocks import Clocks
from tests.orchestrator.model.prober import Witness
from tests.orchestrator.model.rows import IN_FLIGHT, Row, Rows, is_older
from upgrades.feed import read
from upgrades.models import ScaleSet

HEALTH_WAIT = 60.0  # as the test sets it: five minutes would take its time
LOOK = 3.0  # how long a look may take before its lease is over
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Start:
    """How things stood at the instant at which a batch was written: `free` can be taken, in order, `sick` are unhealthy."""

    total: int
    policy: Json
    free: list[int]
    sick: set[int]


class Watch:
    """Remembers what it saw, and looks again after every act."""

    def __init__(self, cloud: Cloud, clocks: Clocks, witness: Witness) -> None:
        self._cloud, self._clocks, self._witness = cloud, clocks, witness
        self._before = Rows({}, {}, {}, {}, {}, {}, 0)
        self._states: dict[int, Json] = {}
        self._streams: dict[int, Any] = {}
        self._fed: dict[int, Row] = {}
        self._swaps_seen = 0
        self._may_swap: dict[int, set[str]] = {}
        self._verifying_since: dict[str, float] = {}
        self._begun_since: dict[str, float] = {}
        self._begun_seen = self._checks = 0
        self._starts: dict[Any, Start] = {}
        self._last_check = 0.0
        self._probed: dict[int, tuple[datetime | None, float]] = {}
        self.timeout = 0.0

    def hooks(self) -> dict[str, Callable[[set[str]], None]]:
        """What is judged at the very instant at which it is written."""
        return {
            'INSERT INTO "upgrades_batch"': self.on_batch,
            'UPDATE "upgrades_rollingupgrade" SET "status"': self.on_end,
            'INSERT INTO "upgrades_chunk"': self.on_chunk,
        }

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
        self._checks += 1
        if self._checks % 2:  # it is a fifth of all the time, and what it passes over now it sees next time
            self._check_feed(rows)
        self._note_news(rows)
        self._before, self._last_check = rows, self._clocks.elapsed

    # --- 2: at the instant at which a batch is written ---

    def on_batch(self, values: set[str]) -> None:
        """Called inside the transaction that records a batch, before anything of it is written. `values` are those of its row."""
        rows = Rows.read()
        self._note_news(rows)
        (upgrade,) = (row for row in rows.upgrades.values() if row["id"].hex in values)
        pk = upgrade["scale_set_id"]
        staying = rows.staying(pk)
        sick = {one["number"] for one in staying if self._is_sick(one, rows.sets[pk])}
        start = Start(len(staying), upgrade["policy"], [one["number"] for one in rows.free(pk, upgrade)], sick)
        self._starts[upgrade["id"], len(rows.batches_of(upgrade))] = start
        self._judge_start(rows, pk, upgrade, start)

    def _judge_start(self, rows: Rows, pk: int, upgrade: Row, start: Start) -> None:
        row, now = rows.sets[pk], self._clocks.wall()
        assert not rows.in_flight()[pk], "a batch starts while another is in flight"
        assert not _is_to_stop(upgrade, row), "a batch starts though the upgrade is to stop"
        limit = upgrade["policy"]["max_unhealthy_percent"]
        assert len(start.sick) * 100 <= limit * start.total, (
            f"a batch starts with {start.sick} of {start.total} unhealthy (limit {limit} %)"
        )
        fresh = max(10.0, 2.0 * (row["probe_interval_seconds"] if row["probe_protocol"] else 2))
        assert row["probed_at"], "a batch starts and no health was ever known"
        age = abs((now - row["probed_at"]).total_seconds())
        assert age <= fresh + LOOK, f"a batch starts on health of {age:g} s ago"
        self._judge_truth(rows, pk, fresh)

    def _is_sick(self, one: Row, row: Row) -> bool:
        """Unknown is unhealthy; initializing is, once it has had its time for sure."""
        if one["health"] == "initializing":
            since = max(one["health_since"], row.get("news_since") or one["health_since"])
            return bool(self._clocks.wall() >= since + timedelta(seconds=HEALTH_WAIT))
        return bool(one["health"] in ("unhealthy", "unknown"))

    def _judge_truth(self, rows: Rows, pk: int, fresh: float) -> None:
        """Whatever the clocks say (unless one jumped since the news was written): every healthy one was asked a moment ago."""
        if self._clocks.jumped_at >= self._probed[pk][1]:
            return
        for one in rows.staying(pk):
            if one["health"] == "healthy" and one["operation_id"] is None:
                age = self._clocks.elapsed - self._witness.asked.get(rows.name_of(one), float("-inf"))
                assert age <= fresh + LOOK, f"a batch starts, and instance {one['number']} was asked {age:g} s ago"

    def _note_news(self, rows: Rows) -> None:
        for pk, row in rows.sets.items():
            if pk not in self._probed or self._probed[pk][0] != row["probed_at"]:
                self._probed[pk] = (row["probed_at"], self._clocks.elapsed)

    # --- at the instant at which an upgrade ends ---

    def on_end(self, values: set[str]) -> None:
        """Called inside the transaction that ends an upgrade, before that is written."""
        rows = Rows.read()
        (upgrade,) = (row for row in rows.upgrades.values() if row["id"].hex in values)
        row = rows.sets[upgrade["scale_set_id"]]
        if "Completed" in values:
            left = [one["number"] for one in rows.free(row["id"], upgrade)]
            assert not left, f"an upgrade is complete, and {left} are left"
        elif "Cancelled" in values:
            assert _is_to_stop(upgrade, row), "an upgrade is cancelled by nobody"
        elif any("MaxUnhealthyUpgradedInstancePercent" in value for value in values):
            self._judge_upgraded_stop(rows, upgrade)
        else:
            self._judge_stop(rows, upgrade)

    def _judge_stop(self, rows: Rows, upgrade: Row) -> None:
        staying, limit = rows.staying(upgrade["scale_set_id"]), upgrade["policy"]["max_unhealthy_percent"]
        sick = sum(one["health"] != "healthy" for one in staying)
        assert sick * 100 > limit * len(staying), f"stopped with {sick} of {len(staying)} unhealthy (limit {limit} %)"

    def _judge_upgraded_stop(self, rows: Rows, upgrade: Row) -> None:
        limit = upgrade["policy"]["max_unhealthy_upgraded_percent"]
        done = [row for row in rows.members_of(upgrade) if row["state"] in ("succeeded", "failed")]
        well = {pk for pk, one in rows.instances.items() if one["health"] == "healthy"}
        failed = sum(row["state"] == "failed" or row["instance_id"] not in well for row in done)
        assert failed * 100 > limit * len(done), f"stopped with {failed} of {len(done)} failed (limit {limit} %)"

    # --- 1: no more than the batch, and one batch only ---

    def _check_batches(self, rows: Rows) -> None:
        for members in rows.in_flight().values():
            batches = {row["batch_id"] for row in members}
            assert len(batches) == 1, f"{len(batches)} batches are in flight"
            batch = rows.batches[batches.pop()]
            assert batch["finished_at"] is None, "a finished batch has members in flight"
            assert rows.upgrades[batch["upgrade_id"]]["ended_at"] is None, "an ended upgrade has members in flight"
        for pk in sorted(rows.batches.keys() - self._before.batches.keys()):
            numbers = sorted(row["instance_number"] for row in rows.members.values() if row["batch_id"] == pk)
            batch = rows.batches[pk]
            self._check_batch(numbers, self._starts[batch["upgrade_id"], batch["number"]])
        self._check_begun(rows)

    def _check_batch(self, numbers: list[int], start: Start) -> None:
        """Not larger than allowed, smaller for the unhealthy outside it; the first of those that can be taken."""
        size, batch_percent = len(numbers), start.policy["max_batch_percent"]
        most = max(1, start.total * batch_percent // 100)
        assert 1 <= size <= most, f"a batch of {size}, allowed are {most}"
        assert numbers == start.free[:size], f"a batch of {numbers}, first are {start.free}"
        down, limit = (
            size + len(start.sick.difference(numbers)),
            max(start.policy["max_unhealthy_percent"], batch_percent),
        )
        assert size == 1 or down * 100 <= limit * start.total, f"{down} of {start.total} down, allowed are {limit} %"

    def _check_begun(self, rows: Rows) -> None:
        """No machine is being reimaged but by a member in flight, or by one that was given up; none is begun after its end."""
        for job in self._cloud.begun[self._begun_seen :]:
            member = rows.members.get(job.operation.id)
            is_timely = member is None or member["ended_at"] is None or member["ended_at"] >= job.began_at
            assert is_timely or self._clocks.has_jumped, f"{job.name} is reimaged, and that was over already"
        self._begun_seen = len(self._cloud.begun)
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
            assert member or one.name[0] not in rows.names(), f"{one.name} was swapped, and nobody wrote that down"
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
                self._check_succeeded(id, row, rows)
            elif row["state"] == "failed":
                self._check_failed(id, row)

    def _check_succeeded(self, id: str, row: Row, rows: Rows) -> None:
        swap = next(one for one in self._cloud.swaps if one.operation == id)
        assert swap.new_disk == row["new_os_disk"], "succeeded on another disk than its operation made"
        has_probe = rows.sets[rows.upgrades[row["upgrade_id"]]["scale_set_id"]]["probe_protocol"]
        well = (self._witness.probed_well if has_probe else self._witness.seen_well).get(swap.new_disk)
        assert well is not None and well >= swap.at, f"{swap.name} succeeded and no probe found its new machine well"

    def _check_failed(self, id: str, row: Row) -> None:
        now = self._clocks.elapsed
        if row["error_code"] == "RollingUpgradeInstanceUnhealthyError":
            waited = now - self._verifying_since.get(id, self._last_check)
            assert waited >= HEALTH_WAIT - 2 * LOOK, f"{row['instance_number']} failed after {waited:g} s, too early"
        elif row["error_code"] == "OSProvisioningTimedOut":
            waited = now - self._begun_since.get(id, self._last_check)
            assert waited >= 0.7 * self.timeout, f"{row['instance_number']} was given up after {waited:g} s"

    # --- capacity ---

    def on_chunk(self, values: set[str]) -> None:
        """Called when machines are handed out, those to be deleted too: new ones might hide later that too many go."""
        rows = Rows.read()
        for pk, row in rows.sets.items():
            stayed = {one["id"] for one in self._before.staying(pk)}
            go = [one for one in rows.of_set(pk) if one["operation_kind"] == "delete" and one["id"] in stayed]
            left, least = len(rows.staying(pk)), 0 if row["deleting"] else row["capacity"]
            assert not go or left >= least, f"{len(go)} go, {left} are left, wanted are {least}"

    def _check_removals(self, rows: Rows) -> None:
        for pk, row in rows.sets.items():
            kept = sum(one["operation_kind"] != "delete" for one in rows.of_set(pk))
            before = sum(one["operation_kind"] != "delete" for one in self._before.of_set(pk))
            least = 0 if row["deleting"] else min(before, row["capacity"])
            assert kept >= least, f"{kept} instances are left of {before}, wanted are {row['capacity']}"

    # --- 7, 8: the feed ---

    def _check_feed(self, rows: Rows, *, even_if_quiet: bool = False) -> None:
        for pk, row in rows.sets.items():
            if not even_if_quiet and row["seq"] == self._states.get(pk, {}).get("seq") and row == self._fed.get(pk):
                continue
            self._fed[pk] = row
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
        self._check_feed(rows, even_if_quiet=True)
        for row in ScaleSet.objects.all():
            self._check_wishes(row, rows)
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

    def _check_wishes(self, row: ScaleSet, rows: Rows) -> None:
        """As many instances as were asked for; all on the newest version, where nothing speaks against that."""
        code, latest = row.decision.get("code"), row.sku.latest_in(row.location)
        opted_out = {one["instance_id"] for one in rows.opt_outs.values()}
        there_are, wanted = rows.staying(row.pk), 0 if row.deleting else row.capacity
        if code != "NoImagePublished":
            are_stuck = bool(opted_out & {one["id"] for one in there_are})
            assert len(there_are) == wanted or (len(there_are) > wanted and are_stuck), f"{len(there_are)} of {wanted}"
        if code != "NothingToDo" or not (latest and row.automatic_upgrade):
            return
        for one in there_are:
            is_left_alone = one["id"] in opted_out or one["failed_version"] == latest
            is_old = not is_left_alone and is_older(one["version"], latest)
            assert not is_old, f"{one['name']} stays on {one['version']}, the newest is {latest}"


def _is_to_stop(upgrade: Row, row: Row) -> bool:
    """Somebody cancelled it, or turned automatic upgrades off."""
    is_turned_off = upgrade["started_by"] == "Platform" and not row["automatic_upgrade"]
    return bool(upgrade["cancel_requested_by"] or is_turned_off)


def _waits(one: Json, upgrade: Json, taken: set[int]) -> bool:
    is_free = one["opt_out"] is None and int(one["id"]) not in taken
    return bool(is_free and is_older(one["version"], upgrade["target"]["version"]))


def _through_json(snapshot: Json) -> Json:
    seen: Json = json.loads(json.dumps(snapshot))
    return seen


def _difference(replayed: Json, now: Json) -> str:
    parts = [f"{key}: replayed {replayed[key]} now {now[key]}" for key in now if replayed[key] != now[key]]
    return "events do not lead to the snapshot: " + "; ".join(parts)[:3000]
