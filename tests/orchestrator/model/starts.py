"""Starts of upgrades and of batches, judged at the instant at which they are written; and who was chosen."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.orchestrator.model.evidence import MAX_RECONCILE_SECONDS, Evidence
from tests.orchestrator.model.rows import Row, Rows

Json = dict[str, Any]
MAX_WAIT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Start:
    """How things stood when a batch was written: `total` count, `sick` of them are unhealthy, `pool` is whom it is taken from, in order."""

    total: int
    policy: Json
    pool: list[int]
    sick: set[int]


class Starts:
    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._starts: dict[Any, Start] = {}
        self._probed: dict[int, tuple[datetime | None, float]] = {}

    def note_news(self, rows: Rows) -> None:
        for pk, row in rows.sets.items():
            if pk not in self._probed or self._probed[pk][0] != row["probed_at"]:
                self._probed[pk] = (row["probed_at"], self._evidence.clocks.elapsed)

    # --- an upgrade of the platform's ---

    def on_upgrade(self, values: set[str]) -> None:
        """Called before an upgrade is written."""
        if "Platform" not in values:
            return
        rows, now = Rows.read(), self._evidence.clocks.wall()
        (pk,) = (pk for pk in rows.sets if str(pk) in values)
        row, last = rows.sets[pk], next(iter(rows.attempts(pk)), None)
        assert row["automatic_upgrade"] and row["image_version"] == "latest", "an upgrade that nobody wants"
        assert not rows.fleet_is_stopped(now), "an upgrade begins though the fleet is stopped"
        if last and last["target_version"] in values:
            self._judge_again(rows, row, last, now)

    def _judge_again(self, rows: Rows, row: Row, last: Row, now: datetime) -> None:
        """Another attempt at a version: not after a person cancelled the last; at once where nothing was touched and the gate is open."""
        if last["status"] in ("Cancelled", "Faulted") and last["cancel_requested_by"]:
            assert last["retry_skipped_by"], "an upgrade that a person cancelled comes again by itself"
        if last["status"] != "Faulted":
            return
        if not rows.is_stopped_on_the_way(last):
            counted = rows.counted(row["id"])
            sick = sum(self._evidence.is_sick(instance, row) for instance in counted)
            assert sick * 100 <= row["policy"].max_unhealthy_percent * len(counted), (
                "it is tried again at a gate that is shut"
            )
        elif not last["retry_skipped_by"]:
            wait = timedelta(seconds=self._evidence.retry) * 2 ** (_stopped_in_a_row(rows, last) - 1)
            again_at = last["ended_at"] + min(wait, MAX_WAIT)
            assert now >= again_at, f"it is tried again {again_at - now} too early"

    # --- a batch ---

    def on_batch(self, values: set[str]) -> None:
        """Called inside the transaction that records a batch, before anything of it is written. `values` are those of its row."""
        rows = Rows.read()
        self.note_news(rows)
        (upgrade,) = (row for row in rows.upgrades.values() if row["id"].hex in values)
        row = rows.sets[upgrade["scale_set_id"]]
        counted = rows.counted(row["id"])
        sick = {instance["number"] for instance in counted if self._evidence.is_sick(instance, row)}
        start = Start(len(counted), upgrade["policy"], _pool(rows, upgrade, sick), sick)
        self._starts[upgrade["id"], len(rows.batches_of(upgrade)) + 1] = start
        self._judge_wishes(rows, row, upgrade)
        self._judge_time(rows, upgrade)
        self._judge_health(rows, row, start)

    def _judge_wishes(self, rows: Rows, row: Row, upgrade: Row) -> None:
        is_by_platform = upgrade["started_by"] == "Platform"
        assert not rows.in_flight()[row["id"]], "a batch starts while another is in flight"
        assert upgrade["status"] == "RollingForward", f"a batch starts in an upgrade that is {upgrade['status']}"
        assert not is_to_stop(upgrade, row), "a batch starts though the upgrade is to stop"
        assert not upgrade["paused_by"], "a batch starts in an upgrade that is paused"
        is_stopped = is_by_platform and rows.fleet_is_stopped(self._evidence.clocks.wall())
        assert not is_stopped, "a batch starts though the fleet is stopped"

    def _judge_time(self, rows: Rows, upgrade: Row) -> None:
        """After the pause between two batches, unless a person did not want to wait; before the upgrade's time is over."""
        now, clocks = self._evidence.clocks.wall(), self._evidence.clocks
        last = rows.last_batch_of(upgrade)
        if last is not None and not (upgrade["skip_pause_at"] and upgrade["skip_pause_at"] >= last["finished_at"]):
            until = last["finished_at"] + timedelta(seconds=upgrade["policy"]["pause_seconds"])
            assert now >= until, f"a batch starts {until - now} before its pause is over"
        ends_by = rows.ends_by(upgrade, now)
        is_late = ends_by is not None and now > ends_by + timedelta(seconds=MAX_RECONCILE_SECONDS)
        assert not is_late or clocks.jumped_at >= clocks.elapsed - MAX_RECONCILE_SECONDS, (
            "a batch starts after the upgrade's time"
        )

    def _judge_health(self, rows: Rows, row: Row, start: Start) -> None:
        limit = start.policy["max_unhealthy_percent"]
        assert len(start.sick) * 100 <= limit * start.total, (
            f"a batch starts with {start.sick} of {start.total} unhealthy (limit {limit} %)"
        )
        fresh = max(10.0, 2.0 * (row["probe_interval_seconds"] if row["probe_protocol"] else 2))
        assert row["probed_at"], "a batch starts and no health was ever known"
        down = [each["number"] for each in rows.counted(row["id"]) if str(each["operation_id"]) in rows.requested]
        assert not down, f"a batch starts, and something that people asked for is being done to {down}"
        age = abs((self._evidence.clocks.wall() - row["probed_at"]).total_seconds())
        assert age <= fresh + MAX_RECONCILE_SECONDS, f"a batch starts on health of {age:g} s ago"
        self._judge_truth(rows, row["id"], fresh)

    def _judge_truth(self, rows: Rows, pk: int, fresh: float) -> None:
        """Whatever the clocks say (unless one jumped since the news was written): every healthy one was asked a moment ago."""
        clocks, asked = self._evidence.clocks, self._evidence.witness.asked
        if clocks.jumped_at >= self._probed[pk][1]:
            return
        for instance in rows.staying(pk):
            if instance["health"] == "healthy" and instance["operation_id"] is None:
                age = clocks.elapsed - asked.get(rows.name_of(instance), float("-inf"))
                assert age <= fresh + MAX_RECONCILE_SECONDS, (
                    f"a batch starts, and instance {instance['number']} was asked {age:g} s ago"
                )

    # --- who was chosen ---

    def check(self, rows: Rows, before: Rows) -> None:
        for pk in sorted(rows.batches.keys() - before.batches.keys()):
            numbers = sorted(row["instance_number"] for row in rows.members.values() if row["batch_id"] == pk)
            batch = rows.batches[pk]
            self._check_choice(numbers, self._starts[batch["upgrade_id"], batch["number"]])

    def _check_choice(self, numbers: list[int], start: Start) -> None:
        """Not larger than allowed, smaller for the unhealthy outside it and for nothing else; the first of those that can be taken."""
        size, batch_percent = len(numbers), start.policy["max_batch_percent"]
        most = max(1, start.total * batch_percent // 100)
        assert 1 <= size <= most, f"a batch of {size}, allowed are {most}"
        assert numbers == sorted(start.pool[:size]), f"a batch of {numbers}, first are {start.pool}"
        limit = max(start.policy["max_unhealthy_percent"], batch_percent)
        down = size + len(start.sick.difference(numbers))
        assert size == 1 or down * 100 <= limit * start.total, f"{down} of {start.total} down, allowed are {limit} %"
        larger = start.pool[: size + 1]
        down = size + 1 + len(start.sick.difference(larger))
        could_grow = len(larger) > size and size < most and down * 100 <= limit * start.total
        assert not could_grow or self._evidence.clocks.has_jumped, f"a batch of {numbers}, and {larger} could go"


def _pool(rows: Rows, upgrade: Row, sick: set[int]) -> list[int]:
    """Of one zone and one update domain, the lowest numbers first; where the policy says so, all unhealthy before any healthy one. Those
    that failed on the very version come last."""
    free, policy = rows.may_begin(upgrade["scale_set_id"], upgrade), upgrade["policy"]
    if policy["unhealthy_first"] and any(instance["number"] in sick for instance in free):
        free = [instance for instance in free if instance["number"] in sick]
    target = upgrade["target_version"]
    if target and any(instance["failed_version"] != target for instance in free):
        free = [instance for instance in free if instance["failed_version"] != target]

    def place(instance: Row) -> tuple[str, int]:
        zone, domain = rows.place(instance)
        return "" if policy["cross_zone"] else zone, domain

    first = min((place(instance) for instance in free), default=None)
    return [instance["number"] for instance in free if place(instance) == first]


def _stopped_in_a_row(rows: Rows, last: Row) -> int:
    count = 0
    for row in rows.attempts(last["scale_set_id"]):
        if row["target_version"] != last["target_version"] or row["status"] != "Faulted":
            break
        count += rows.is_stopped_on_the_way(row)
    return count


def is_to_stop(upgrade: Row, row: Row) -> bool:
    """Somebody cancelled it, or turned automatic upgrades off."""
    is_turned_off = upgrade["started_by"] == "Platform" and not row["automatic_upgrade"]
    return bool(upgrade["cancel_requested_by"] or is_turned_off)
