"""docs/metrics.md lists what /metrics has: all of it, and nothing else."""

import re
from pathlib import Path

from tests.metrics import names
from upgrades import measures
from upgrades.core.states import UpgradeStatus
from upgrades.providers import PROVIDERS

TEXT = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()


def test_the_document_has_every_metric_and_no_other() -> None:
    told = re.findall(r"^\| `rollgrid_.*$", TEXT, re.MULTILINE)
    assert told == [listed.row for listed in names.everything()]


def test_labels_of_processes_match_the_code() -> None:
    assert set(PROVIDERS) == set(measures.PROVIDERS) - {"other"}
    assert set(measures.ENDED) < set(UpgradeStatus)
