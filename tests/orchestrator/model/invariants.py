"""What must hold after every act of anybody, whatever happens. Judged from rows and machines, never by the engine's own functions."""

from collections.abc import Callable

from tests.orchestrator.model.disks import Disks
from tests.orchestrator.model.ends import Ends
from tests.orchestrator.model.evidence import Evidence
from tests.orchestrator.model.following import Follower
from tests.orchestrator.model.instance_upgrades import InstanceUpgrades
from tests.orchestrator.model.rest import check_rest
from tests.orchestrator.model.rows import Rows
from tests.orchestrator.model.starts import Starts
from tests.orchestrator.model.surges import Surges


class Watch:
    """Remembers what it saw, and looks again after every act."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._before = Rows({}, {}, {}, {}, {}, {}, {})
        self._starts, self._ends = Starts(evidence), Ends(evidence)
        self._disks, self._follower = Disks(evidence), Follower()
        self.members, self.surges = InstanceUpgrades(evidence), Surges(evidence)
        self._checks = 0

    def hooks(self) -> dict[str, Callable[[set[str]], None]]:
        """What is judged at the very instant at which it is written."""
        return {
            'INSERT INTO "upgrades_rollingupgrade"': self._starts.on_upgrade,
            'INSERT INTO "upgrades_batch"': self._on_batch,
            'UPDATE "upgrades_rollingupgrade" SET "status"': self._ends.on_status,
            'INSERT INTO "upgrades_workitem"': self._on_chunk,
        }

    def has_news(self) -> bool:
        """Has a disk been swapped since the last reconcile?"""
        return self._disks.has_news()

    def check(self) -> None:
        rows = Rows.read()
        self._disks.check_in_flight(rows)
        self._starts.check(rows, self._before)
        self._ends.check(rows, self._before)
        self._disks.check(rows, self._before)
        self.members.check(rows, self._before)
        self.surges.check(rows, self._before)
        self._check_removals(rows)
        self._checks += 1
        if self._checks % 2:  # it is a fifth of all the time, and what it passes over now it sees next time
            self._follower.check(rows)
        self._starts.note_news(rows)
        self._before = rows

    def check_rest(self) -> None:
        rows = Rows.read()
        self._follower.check(rows, even_if_quiet=True)
        check_rest(self._evidence.cloud, rows)

    def _on_batch(self, values: set[str]) -> None:
        self._starts.on_batch(values)
        self.surges.on_batch(Rows.read(), values)

    def _on_chunk(self, values: set[str]) -> None:
        """Called when machines are handed out, those to be deleted too: new ones might hide later that too many go.

        Whose place another has taken by now is none too many.
        """
        rows = Rows.read()
        self._disks.on_chunk(rows)
        self.surges.on_chunk(rows)
        for pk, row in rows.sets.items():
            stayed = {instance["id"] for instance in self._before.staying(pk)}
            leaving = [
                instance
                for instance in rows.of_set(pk)
                if instance["operation_kind"] == "delete" and instance["id"] in stayed
            ]
            go = [instance for instance in leaving if not rows.replaced_in(instance)]
            left, least = len(rows.staying(pk)), 0 if row["deleting"] else row["capacity"]
            assert not go or left >= least, f"{len(go)} go, {left} are left, wanted are {least}"

    def _check_removals(self, rows: Rows) -> None:
        for pk, row in rows.sets.items():
            kept, before = len(rows.staying(pk)), len(self._before.staying(pk))
            least = 0 if row["deleting"] else min(before, row["capacity"])
            assert kept >= least, f"{kept} instances are left of {before}, wanted are {row['capacity']}"
