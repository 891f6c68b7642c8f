"""OS disks: each replaced at most once per upgrade, and put back at most once, by somebody who wrote that down first."""

from collections import Counter
from typing import Any

from tests.orchestrator.cloud import Job, Swap
from tests.orchestrator.model.evidence import Evidence
from tests.orchestrator.model.rows import HAS_FAILED, Row, Rows


class Disks:
    def __init__(self, evidence: Evidence) -> None:
        self._evidence, self._cloud = evidence, evidence.cloud
        self._swaps_seen = self._restores_seen = self._reruns_seen = self._begun_seen = 0
        self._may_swap: dict[int, set[str]] = {}
        self._restored_for: dict[str, str] = {}  # by operation: the member whose old OS disk it puts back

    def has_news(self) -> bool:
        """Has a disk been replaced or put back since the last reconcile, or have extensions run?"""
        there_are = len(self._cloud.swaps), len(self._cloud.restores), len(self._cloud.reruns)
        return there_are > (self._swaps_seen, self._restores_seen, self._reruns_seen)

    def check(self, rows: Rows, before: Rows) -> None:
        self._check_begun(rows)
        self._check_swaps(rows, before)
        self._check_reruns(rows, before)
        self._check_restores(rows)
        self._check_rolled_back(rows, before)
        self._note_opt_outs(rows)

    # --- operations ---

    def _check_begun(self, rows: Rows) -> None:
        """No machine is being reimaged but by a member in flight, or by one that was given up; none is begun after its end."""
        for job in self._cloud.begun[self._begun_seen :]:
            if job.operation.kind == "restore":
                self._check_restore_begun(job, rows)
            member = rows.members.get(job.operation.id)
            is_timely = member is None or member["ended_at"] is None or member["ended_at"] >= job.began_at
            has_jumped = self._evidence.clocks.has_jumped
            assert is_timely or has_jumped, f"{job.name} is reimaged, and that was over already"
        self._begun_seen = len(self._cloud.begun)
        for job in self._cloud.begun:
            kinds = ("reimage", "extensions")
            if job.outcome is None and job.operation.kind in kinds and self._cloud.jobs.get(job.operation.id) is job:
                member = rows.members.get(job.operation.id)
                allowed = ("queued", "upgrading", "verifying", "rolling_back", "failed")
                assert member is None or member["state"] in allowed, f"{job.name} is reimaged as {member['state']}"

    # --- replaced ---

    def _check_swaps(self, rows: Rows, before: Rows) -> None:
        new = self._cloud.swaps[self._swaps_seen :]
        self._swaps_seen = len(self._cloud.swaps)
        if not new:
            return
        self._check_once(self._cloud.swaps, rows, "image")
        for swap in new:
            self._check_protected(swap, rows, before)

    def _check_reruns(self, rows: Rows, before: Rows) -> None:
        """Extensions are run as disks are replaced: once, for somebody who wrote it down, and not on what is opted out."""
        new = self._cloud.reruns[self._reruns_seen :]
        self._reruns_seen = len(self._cloud.reruns)
        if not new:
            return
        self._check_once(self._cloud.reruns, rows, "extensions")
        for rerun in new:
            self._check_protected(rerun, rows, before)

    def _check_once(self, done: list[Swap], rows: Rows, kind: str) -> None:
        counts = Counter(swap.operation for swap in done)
        assert max(counts.values()) == 1, f"{kind}: done twice by one operation: {counts.most_common(1)}"
        places: Counter[Any] = Counter()
        for swap in done:
            if member := rows.members.get(swap.operation):
                places[member["upgrade_id"], member["instance_number"]] += 1
                was = rows.upgrades[member["upgrade_id"]]["kind"]
                assert was == kind, f"{swap.name}: {kind} in an upgrade of {was}"
            is_known = member or swap.operation in rows.requested or swap.name[0] not in rows.names()
            assert is_known, f"{swap.name}: {kind}, and nobody wrote that down"
        assert not places or max(places.values()) == 1, f"{kind}: twice in one upgrade: {places.most_common(1)}"

    def _check_protected(self, swap: Swap, rows: Rows, before: Rows) -> None:
        for pk, row in before.opt_outs.items():
            still = rows.opt_outs.get(pk)
            if still is None or not self._evidence.is_in_force(still) or pk not in self._may_swap:
                continue
            instance = rows.instances.get(row["instance_id"])
            if instance and rows.name_of(instance) == swap.name:
                assert swap.operation in self._may_swap[pk], f"the opted-out {swap.name} was touched"

    def _note_opt_outs(self, rows: Rows) -> None:
        """Notes what had begun on each opted-out instance when its opt-out was first seen."""
        in_force = {pk: row for pk, row in rows.opt_outs.items() if self._evidence.is_in_force(row)}
        self._may_swap = {
            pk: self._may_swap.get(pk) or self._begun_on(rows.instances.get(row["instance_id"]), rows) | {""}
            for pk, row in in_force.items()
        }

    def _begun_on(self, instance: Row | None, rows: Rows) -> set[str]:
        if instance is None:
            return set()
        recorded = {
            id
            for id, row in rows.members.items()
            if row["instance_id"] == instance["id"] and row["state"] == "upgrading"
        }
        item = rows.work_items.get(instance["work_item_id"])
        if item and item["attempts"] and str(instance["operation_id"]) in rows.requested:
            recorded.add(str(instance["operation_id"]))  # somebody works on it, and may have begun it
        name = rows.name_of(instance)
        return recorded | {job.operation.id for job in self._cloud.begun if job.name == name}

    # --- put back ---

    def on_chunk(self, rows: Rows) -> None:
        """Called when operations are handed out, inside the transaction that records them."""
        for instance in rows.instances.values():
            if instance["operation_kind"] == "restore" and str(instance["operation_id"]) not in self._restored_for:
                self._judge_restore(instance, rows)
                self._restored_for[str(instance["operation_id"])] = str(instance["member_id"])

    def _judge_restore(self, instance: Row, rows: Rows) -> None:
        """Of a member that failed: in an upgrade of the platform's, unless that is off; or in one that rolls back as its policy says."""
        member = rows.members[str(instance["member_id"])]
        upgrade = rows.upgrades[member["upgrade_id"]]
        policy, is_by_platform = upgrade["policy"], upgrade["started_by"] == "Platform"
        assert upgrade["ended_at"] is None and member["state"] == "rolling_back", (
            f"{instance['name']} is {member['state']}"
        )
        assert member["error_code"], f"{instance['name']} is to be rolled back, and did not fail"
        opted_out = {row["instance_id"] for row in rows.opt_outs.values() if self._evidence.is_in_force(row)}
        assert instance["id"] not in opted_out, f"the opted-out {instance['name']} is to be rolled back"
        is_breach = upgrade["status"] == "RollingBack" and policy["rollback_on_breach"]
        is_automatic = is_by_platform and policy["automatic_rollback"]
        assert is_automatic or is_breach, f"{instance['name']} is rolled back in an upgrade that rolls nothing back"

    def _check_restore_begun(self, job: Job, rows: Rows) -> None:
        if job.name[0] not in rows.names():
            return
        id = self._restored_for.get(job.operation.id)
        assert id, f"an old OS disk of {job.name} is put back, and nobody wrote that down"
        begun = {
            begun_job.operation.id
            for begun_job in self._cloud.begun
            if self._restored_for.get(begun_job.operation.id) == id
        }
        assert len(begun) == 1, f"{job.name} is rolled back by {len(begun)} operations"
        member = rows.members.get(id)
        assert member is None or job.operation.os_disk == member["old_os_disk"]

    def _check_restores(self, rows: Rows) -> None:
        """Each undoes the swap of a member that failed, exactly."""
        self._restores_seen = len(self._cloud.restores)
        members = Counter(self._restored_for.get(restore.operation) for restore in self._cloud.restores)
        swaps = {done.operation: done for done in self._cloud.swaps}
        for restore in self._cloud.restores:
            if (id := self._restored_for.get(restore.operation)) is None or (member := rows.members.get(id)) is None:
                assert restore.name[0] not in rows.names(), f"{restore.name} was restored, and nobody wrote that down"
                continue
            assert members[id] == 1, f"the old OS disk of {restore.name} was put back {members[id]} times"
            assert member["state"] in HAS_FAILED, f"{restore.name} was rolled back, and is {member['state']}"
            swap = swaps.get(id)
            is_undone = swap and (restore.name, restore.old_disk, restore.new_disk) == (
                swap.name,
                swap.new_disk,
                swap.old_disk,
            )
            assert is_undone, f"{restore} does not undo {swap}"

    def _check_rolled_back(self, rows: Rows, before: Rows) -> None:
        """Whoever is said to be rolled back is on the old disk: it was put back, or the reimage never replaced it."""
        swapped = {swap.operation for swap in self._cloud.swaps}
        back = {self._restored_for.get(swap.operation) for swap in self._cloud.restores}
        for id, row in rows.members.items():
            if row["state"] == "rolled_back" and before.members.get(id, {}).get("state") != "rolled_back":
                assert id in back or id not in swapped, f"{row['instance_number']} is not on its old OS disk"

    # --- in flight ---

    def check_in_flight(self, rows: Rows) -> None:
        """No more than one batch; where a stopped upgrade rolls back, whatever its batches left behind."""
        for members in rows.in_flight().values():
            batches = {row["batch_id"] for row in members}
            upgrade = rows.upgrades[members[0]["upgrade_id"]]
            assert upgrade["ended_at"] is None, "an ended upgrade has members in flight"
            if upgrade["status"] == "RollingBack":
                states = {row["state"] for row in members}
                assert states == {"rolling_back"}, f"an upgrade that rolls back has members {states}"
                continue
            assert len(batches) == 1, f"{len(batches)} batches are in flight"
            assert rows.batches[batches.pop()]["finished_at"] is None, "a finished batch has members in flight"
