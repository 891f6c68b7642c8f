"""Batches that surge: no capacity is lost, nobody goes before another has taken his place, nothing is left over."""

from typing import Any

from tests.orchestrator.model.evidence import Evidence
from tests.orchestrator.model.rows import IN_FLIGHT, Row, Rows


class Surges:
    """`least`: how many machines of a scale set (by key) must serve at every moment, where a story says so."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._rooms: dict[tuple[str, int], int | None] = {}  # when a batch was written: so many more could be made
        self._judged: set[Any] = set()  # the operations that remove who was replaced
        self.least: dict[str, int] = {}

    # --- at the instant at which it is written ---

    def on_batch(self, rows: Rows, values: set[str]) -> None:
        (upgrade,) = (row for row in rows.upgrades.values() if row["id"].hex in values)
        row = rows.sets[upgrade["scale_set_id"]]
        number = len(rows.batches_of(upgrade)) + 1
        self._rooms[upgrade["id"].hex, number] = self._evidence.cloud.faults.room
        if surges(upgrade):
            leaving = [
                instance["number"] for instance in rows.of_set(row["id"]) if instance["operation_kind"] == "delete"
            ]
            assert not leaving, f"a batch that may surge starts, and {leaving} are still there"

    def on_chunk(self, rows: Rows) -> None:
        """Who goes for he is replaced: the new one is there, stays and is well, and nobody wants the old one left alone."""
        opted_out = {row["instance_id"] for row in rows.opt_outs.values() if self._evidence.is_in_force(row)}
        for pk, instance in rows.instances.items():
            is_new = instance["operation_kind"] == "delete" and instance["operation_id"] not in self._judged
            if is_new and (member := rows.replaced_in(instance)):
                self._judged.add(instance["operation_id"])
                new = rows.instances.get(member["replacement_id"])
                assert new and new["operation_id"] is None, f"{instance['name']} goes, and the new one is not there"
                assert new["health"] == "healthy", f"{instance['name']} goes, and {new['name']} is {new['health']}"
                assert pk not in opted_out, f"{instance['name']} goes, and is opted out"

    # --- after every act ---

    def check(self, rows: Rows, before: Rows) -> None:
        for id, member in rows.members.items():
            if id not in before.members:
                self._check_way(member, rows)
            if member["replacement_number"] is not None and member["state"] in IN_FLIGHT:
                self._check_untouched(member, rows)
        for key, least in self.least.items():
            there_are = [name for name in self._evidence.cloud.machines if name[0] == key]
            serving = sum(map(self._evidence.cloud.answers_well, there_are))
            assert serving >= least, f"{serving} machines of {key} serve, {least} did before"

    def _check_way(self, member: Row, rows: Rows) -> None:
        """New instances where the policy says so and there was room for all of the batch; else in place."""
        upgrade, batch = rows.upgrades[member["upgrade_id"]], rows.batches[member["batch_id"]]
        size = sum(row["batch_id"] == batch["id"] for row in rows.members.values())
        room = self._rooms[upgrade["id"].hex, batch["number"]]
        is_to_surge = surges(upgrade) and (room is None or room >= size)
        did = member["replacement_number"] is not None
        assert did == is_to_surge, f"{member['instance_number']} of {size} with room for {room}: surged is {did}"

    def _check_untouched(self, member: Row, rows: Rows) -> None:
        old, new = rows.instances.get(member["instance_id"]), rows.instances.get(member["replacement_id"])
        assert old and new, f"of {member['instance_number']} and its replacement one is gone before its time"
        assert old["operation_id"] is None, f"{old['name']} is to be replaced, and {old['operation_kind']} runs on it"
        zones = [rows.place(instance)[0] for instance in (old, new)]
        assert zones[0] == zones[1], f"{old['name']} is in zone {zones[0]}, its replacement in {zones[1]}"


def surges(upgrade: Row) -> bool:
    return bool(upgrade["policy"].get("max_surge")) and upgrade["kind"] == "image"
