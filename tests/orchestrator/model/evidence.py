"""What everything is judged by: machines, clocks, and what was asked of machines. Never the engine's own functions."""

from dataclasses import dataclass
from datetime import timedelta

from tests.orchestrator.cloud import Cloud
from tests.orchestrator.model.clocks import Clocks
from tests.orchestrator.model.prober import Witness
from tests.orchestrator.model.rows import Row

HEALTH_WAIT = 60.0  # as the test sets it: five minutes would take its time
MAX_RECONCILE_SECONDS = 3.0  # how long a reconcile may take before its lease is over


@dataclass
class Evidence:
    """`timeout`: after how many seconds an operation is given up; `retry`: how long after a stopped attempt the next one comes."""

    cloud: Cloud
    clocks: Clocks
    witness: Witness
    timeout: float = 0.0
    retry: float = 0.0

    def is_sick(self, instance: Row, row: Row) -> bool:
        """Unknown is unhealthy; initializing is, once it has had its time for sure."""
        if instance["health"] == "initializing":
            since = max(instance["health_since"], row.get("probed_without_gap_since") or instance["health_since"])
            return bool(self.clocks.wall() >= since + timedelta(seconds=HEALTH_WAIT))
        return bool(instance["health"] in ("unhealthy", "unknown"))

    def is_in_force(self, opt_out: Row) -> bool:
        return opt_out["until"] is None or bool(opt_out["until"] > self.clocks.wall())
