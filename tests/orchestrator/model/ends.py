"""Ends of upgrades, and their turning back, judged at the instant at which they are written."""

from datetime import timedelta

from tests.orchestrator.model.evidence import Evidence
from tests.orchestrator.model.rows import HAS_FAILED, Row, Rows, is_older
from tests.orchestrator.model.starts import is_to_stop
from upgrades.models import ScaleSet

UPGRADED = "MaxUnhealthyUpgradedInstancePercent"
UNHEALTHY = "MaxUnhealthyInstancePercentExceeded"
TIMEOUT = "RollingUpgradeTimeoutError"


class Ends:
    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    def on_status(self, values: set[str]) -> None:
        """Called inside the transaction that ends an upgrade or has it roll back, before that is written."""
        rows = Rows.read()
        (upgrade,) = (row for row in rows.upgrades.values() if row["id"].hex in values)
        if "RollingBack" in values:
            assert upgrade["policy"]["rollback_on_breach"], "an upgrade rolls back, and its policy does not say so"
            self._judge_holds(rows, upgrade)
            self._judge_breach(rows, upgrade, values)
            return
        _judge_members(rows, upgrade, values)
        if "Faulted" in values and upgrade["status"] != "RollingBack":
            self._judge_holds(rows, upgrade)
        if upgrade["status"] == "RollingBack":
            assert "Faulted" in values, "an upgrade that was stopped ends as if it was not"
        elif "Completed" in values:
            left = [instance["number"] for instance in rows.free(upgrade["scale_set_id"], upgrade)]
            assert not left, f"an upgrade is complete, and {left} are left"
        elif "Cancelled" in values:
            is_wanted = is_to_stop(upgrade, rows.sets[upgrade["scale_set_id"]])
            assert is_wanted or _gives_way(rows, upgrade), "an upgrade is cancelled by nobody"
        elif _says(values, TIMEOUT):
            ends_by = rows.ends_by(upgrade, self._evidence.clocks.wall())
            assert ends_by, "an upgrade that waits for people has no more time"
            assert self._evidence.clocks.wall() >= ends_by, "an upgrade has no more time, and it has"
        else:
            self._judge_breach(rows, upgrade, values)

    def check(self, rows: Rows, before: Rows) -> None:
        """A batch is finished when those of it that failed are back on their old OS disks, or cannot be."""
        for pk, batch in rows.batches.items():
            upgrade = rows.upgrades[batch["upgrade_id"]]
            if batch["finished_at"] and not before.batches.get(pk, {}).get("finished_at") and _rolls_back(upgrade):
                members = [row for row in rows.members_of(upgrade) if row["batch_id"] == pk]
                forgotten = [row["instance_number"] for row in members if _can_go_back(row, rows)]
                assert not forgotten, f"a batch is finished, and {forgotten} failed and are not on their old OS disks"

    def _judge_holds(self, rows: Rows, upgrade: Row) -> None:
        """A limit stops it at the end of a batch, or where the next one would begin: while something holds it, nothing does."""
        now, last = self._evidence.clocks.wall(), rows.last_batch_of(upgrade)
        if last is not None and last["finished_at"] is None:
            return
        assert not upgrade["paused_by"], "an upgrade is stopped while a person pauses it"
        is_held = upgrade["started_by"] == "Platform" and rows.fleet_is_stopped(now)
        assert not is_held, "an upgrade is stopped while the fleet is stopped"
        waits = upgrade["policy"]["deferral"] and not rows.may_begin(upgrade["scale_set_id"], upgrade)
        assert not waits, "an upgrade is stopped while it waits for approval"
        if last is not None and not (upgrade["skip_pause_at"] and upgrade["skip_pause_at"] >= last["finished_at"]):
            until = last["finished_at"] + timedelta(seconds=upgrade["policy"]["pause_seconds"])
            assert now >= until or self._evidence.clocks.has_jumped, "an upgrade is stopped in its policy's pause"

    def _judge_breach(self, rows: Rows, upgrade: Row, values: set[str]) -> None:
        if _says(values, UPGRADED):
            self._judge_upgraded(rows, upgrade)
            return
        assert _says(values, UNHEALTHY), f"an upgrade is stopped by nothing that is known: {values}"
        counted, limit = rows.counted(upgrade["scale_set_id"]), upgrade["policy"]["max_unhealthy_percent"]
        sick = sum(instance["health"] != "healthy" for instance in counted)
        assert sick * 100 > limit * len(counted), f"stopped with {sick} of {len(counted)} unhealthy (limit {limit} %)"

    def _judge_upgraded(self, rows: Rows, upgrade: Row) -> None:
        limit = upgrade["policy"]["max_unhealthy_upgraded_percent"]
        done = [row for row in rows.members_of(upgrade) if row["state"] in ("succeeded", *HAS_FAILED)]
        counted = {instance["id"]: instance["health"] for instance in rows.counted(upgrade["scale_set_id"])}
        failed = sum(
            row["state"] in HAS_FAILED or counted.get(upgraded_in(row), "healthy") != "healthy" for row in done
        )
        assert failed * 100 > limit * len(done), f"stopped with {failed} of {len(done)} failed (limit {limit} %)"


def _gives_way(rows: Rows, upgrade: Row) -> bool:
    """A deferred one, to a newer version, when nothing that is approved is left."""
    pk = upgrade["scale_set_id"]
    row = ScaleSet.objects.select_related("sku", "location").get(pk=pk)
    is_newer = is_older(upgrade["target_version"], row.sku.latest_in(row.location) or "")
    return bool(upgrade["policy"]["deferral"] and is_newer and not rows.may_begin(pk, upgrade))


def _judge_members(rows: Rows, upgrade: Row, values: set[str]) -> None:
    """Nobody is in flight any more; whoever failed and is to get an old OS disk back got it, or cannot get it."""
    assert not rows.in_flight()[upgrade["scale_set_id"]], "an upgrade ends, and some are in flight"
    is_breach = _says(values, UPGRADED) or _says(values, UNHEALTHY)
    if _rolls_back(upgrade) or (is_breach and upgrade["policy"]["rollback_on_breach"]):
        forgotten = [row["instance_number"] for row in rows.members_of(upgrade) if _can_go_back(row, rows)]
        assert not forgotten, f"an upgrade ends, and {forgotten} failed and did not get their old OS disks back"


def _rolls_back(upgrade: Row) -> bool:
    """By itself, whoever fails in it."""
    return upgrade["started_by"] == "Platform" and bool(upgrade["policy"]["automatic_rollback"])


def _can_go_back(member: Row, rows: Rows) -> bool:
    """It failed, nobody tried to put its disk back, nothing else is being done to it, and nobody opted it out."""
    instance = rows.instances.get(member["instance_id"])
    is_opted_out = any(row["instance_id"] == member["instance_id"] for row in rows.opt_outs.values())
    is_there = instance is not None and instance["operation_id"] is None and not is_opted_out
    left_it = bool(member["old_os_disk"]) and member["replacement_number"] is None
    return bool(is_there and member["state"] == "failed" and left_it and not member["rollback_error"])


def upgraded_in(member: Row) -> int | None:
    """The instance that has what the upgrade brings."""
    in_place = member["replacement_number"] is None
    return member["instance_id"] if in_place else member["replacement_id"]  # type: ignore[no-any-return]


def _says(values: set[str], code: str) -> bool:
    return any(code in value for value in values)
