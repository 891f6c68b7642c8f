"""How instances come out of an upgrade: no health of before a swap, or of before a restore, passes anything; nobody fails too early."""

from collections import Counter

from tests.orchestrator.cloud import BOOT_SECONDS, Name
from tests.orchestrator.model.evidence import HEALTH_WAIT, MAX_RECONCILE_SECONDS, Evidence
from tests.orchestrator.model.rows import HAS_FAILED, Row, Rows

FAILURES_TO_QUARANTINE = 3
UNHEALTHY = "RollingUpgradeInstanceUnhealthyError"


class InstanceUpgrades:
    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._verifying_since: dict[str, float] = {}
        self._begun_since: dict[str, float] = {}
        self._failures: dict[int, Counter[str]] = {}  # since the last success, by instance: how often on which version
        self._well: set[tuple[str, int | None]] = set()  # (version, instance): some upgrade went well
        self._quarantined: set[int] = set()
        self._released: set[int] = set()
        self._last_check = 0.0
        self._asked_otherwise: dict[int, float] = {}  # since when a set's health is asked for as it is now

    def check(self, rows: Rows, before: Rows) -> None:
        for id, row in rows.members.items():
            was = before.members.get(id, {}).get("state")
            if row["state"] != was:
                self._check_settled(id, row, was, rows)
        for pk, row in rows.sets.items():
            if row["probe_protocol"] != before.sets.get(pk, row)["probe_protocol"]:
                self._asked_otherwise[pk] = self._evidence.clocks.elapsed
        self._check_quarantine(rows)
        self._check_health(rows)
        self._last_check = self._evidence.clocks.elapsed

    def _check_settled(self, id: str, row: Row, was: str | None, rows: Rows) -> None:
        upgrade, pk = rows.upgrades[row["upgrade_id"]], row["instance_id"]
        is_of_image, version = upgrade["kind"] == "image", upgrade["target_version"]
        if was is None or was == "queued":
            self._begun_since.setdefault(id, self._last_check)
        if row["state"] == "verifying":
            self._verifying_since.setdefault(id, self._last_check)
        elif row["state"] == "succeeded":
            if is_of_image:
                self._failures.pop(pk, None)
                self._well.add((version, pk))
            self._check_succeeded(id, row, rows)
        elif row["state"] in HAS_FAILED and was not in HAS_FAILED:
            if is_of_image:
                self._failures.setdefault(pk, Counter())[version] += 1
            self._check_failed(id, row)

    def _check_succeeded(self, id: str, row: Row, rows: Rows) -> None:
        cloud = self._evidence.cloud
        if row["replacement_number"] is not None:
            self._check_replaced(id, row, rows)
            return
        swap = next(done for done in (*cloud.swaps, *cloud.reruns) if done.operation == id)
        is_swapped = swap.new_disk != swap.old_disk
        assert row["new_os_disk"] == (swap.new_disk if is_swapped else ""), "succeeded on a disk that is not its own"
        well = self._found_well(rows, rows.upgrades[row["upgrade_id"]]["scale_set_id"], swap.new_disk)
        assert well >= swap.at, f"{swap.name} succeeded and no probe found its new machine well"

    def _check_replaced(self, id: str, row: Row, rows: Rows) -> None:
        """By a machine that was made for this, and was found well since."""
        job = self._evidence.cloud.jobs[id]
        made = job.outcome.view.os_disk if job.outcome and job.outcome.view else ""
        assert made and row["new_os_disk"] == made, "replaced by a machine that was not made for it"
        well = self._found_well(rows, rows.upgrades[row["upgrade_id"]]["scale_set_id"], made)
        assert well >= job.due, f"{job.name} took its place and no probe found it well"

    def _found_well(self, rows: Rows, pk: int, os_disk: str) -> float:
        """When a machine on that disk was last asked, and was well."""
        witness, has_probe = self._evidence.witness, rows.sets[pk]["probe_protocol"]
        return (witness.probed_well if has_probe else witness.seen_well).get(os_disk, float("-inf"))

    def _check_failed(self, id: str, row: Row) -> None:
        now = self._evidence.clocks.elapsed
        if row["error_code"] == UNHEALTHY:
            waited = now - self._verifying_since.get(id, self._last_check)
            assert waited >= HEALTH_WAIT - 2 * MAX_RECONCILE_SECONDS, (
                f"{row['instance_number']} failed after {waited:g} s, too early"
            )
        elif row["error_code"] == "OSProvisioningTimedOut":
            waited = now - self._begun_since.get(id, self._last_check)
            assert waited >= 0.7 * self._evidence.timeout, f"{row['instance_number']} was given up after {waited:g} s"

    # --- what is known of machines ---

    def _check_health(self, rows: Rows) -> None:
        """A disk that was put back is as it was: only the time tells whether its health was asked for after that."""
        voided = self._voided()
        for instance in rows.instances.values():
            name = rows.name_of(instance)
            machine = self._evidence.cloud.machines.get(name)
            is_known = (
                machine is not None and machine.os_disk == instance["os_disk"] and instance["operation_id"] is None
            )
            voided_at = voided.get(name, float("-inf"))
            is_asked_alike = voided_at > self._asked_otherwise.get(instance["scale_set_id"], float("-inf"))
            if is_known and is_asked_alike and instance["health"] == "healthy":
                well = self._found_well(rows, instance["scale_set_id"], instance["os_disk"])
                late = voided_at - well
                assert late <= 0, (
                    f"{name} is healthy, and that was {late:g} s before its OS disk came, or its extensions ran"
                )

    def _voided(self) -> dict[Name, float]:
        """When each machine last went down for its OS disk to be replaced or put back, or came up from that; extensions likewise."""
        cloud, found = self._evidence.cloud, dict[Name, float]()
        times = [(swap.name, swap.at) for swap in (*cloud.swaps, *cloud.restores, *cloud.reruns)]
        begun = [job for job in cloud.begun if job.operation.kind in ("reimage", "restore", "extensions")]
        for name, at in (*times, *((job.name, job.due - BOOT_SECONDS) for job in begun)):
            found[name] = max(at, found.get(name, at))
        return found

    # --- quarantine ---

    def forgive(self, instances: set[int]) -> None:
        """A person is about to release these."""
        self._released |= instances

    def _check_quarantine(self, rows: Rows) -> None:
        """Nobody is in quarantine who did not fail so often on versions on which others are well."""
        for pk in self._released & rows.instances.keys():
            if rows.instances[pk]["failures"] == 0:
                self._failures.pop(pk, None)
        self._released = set()
        well = self._well | {
            (instance["version"], pk) for pk, instance in rows.instances.items() if instance["health"] == "healthy"
        }
        now = {pk for pk, instance in rows.instances.items() if instance["quarantined_at"] is not None}
        for pk in now - self._quarantined:
            failed = self._failures.get(pk, Counter())
            others = {version for version, other in well if other != pk}
            times = sum(count for version, count in failed.items() if version in others)
            assert times >= FAILURES_TO_QUARANTINE, f"{rows.instances[pk]['name']} is in quarantine and failed {failed}"
        self._quarantined = now
