"""Alert rules and dashboards: Prometheus understands them, and they ask for nothing that /metrics has not."""

import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.metrics import names
from tests.metrics.promtool import promtool
from tests.metrics.scraping import scrape
from tests.metrics.test_scrape import a_reconciled_set

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
UNIT_TESTS = Path(__file__).with_name("rules_test.yml")
DASHBOARDS = sorted((DEPLOY / "grafana").glob("*.json"))
HEIGHTS = ("x", "y", "w", "h")


def expressions(content: Any) -> Iterator[str]:
    """All PromQL in a dashboard, in its panels and in its variables."""
    if isinstance(content, dict):
        yield from (content[name] for name in ("expr", "query") if isinstance(content.get(name), str))
    for part in content.values() if isinstance(content, dict) else content if isinstance(content, list) else ():
        yield from expressions(part)


def asked(text: str) -> set[str]:
    return set(re.findall(r"\brollgrid_\w+", text))


@pytest.mark.django_db
def test_a_scrape_is_valid(home: Path) -> None:
    a_reconciled_set()
    promtool("check", "metrics", given=scrape())


def test_rules_are_valid_and_each_alert_is_tested() -> None:
    promtool("check", "rules", str(RULES))
    promtool("test", "rules", str(UNIT_TESTS))
    alerts = re.findall(r"alert: (\w+)", RULES.read_text())
    tests = UNIT_TESTS.read_text()
    assert len(alerts) == 20
    assert [
        alert for alert in alerts if f"name: {alert} fires" not in tests or f"name: {alert} is quiet" not in tests
    ] == []


def test_rules_ask_for_metrics_that_exist() -> None:
    promql = "\n".join(re.findall(r"expr: (.*)", RULES.read_text()))
    assert len(asked(promql)) > 15 and asked(promql) <= names.sample_names()


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_dashboards_ask_for_metrics_that_exist(file: Path) -> None:
    promql = "\n".join(expressions(json.loads(file.read_text())))
    assert len(asked(promql)) > 7 and asked(promql) <= names.sample_names(), asked(promql) - names.sample_names()


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_panels_of_a_dashboard_do_not_overlap(file: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(file.read_text())["panels"]:
        left, top, width, height = (panel["gridPos"][name] for name in HEIGHTS)
        cells = {(column, row) for column in range(left, left + width) for row in range(top, top + height)}
        assert left + width <= 24 and not cells & taken, panel["title"]
        taken |= cells


def test_dashboards_are_as_their_source_makes_them() -> None:
    """Where this fails: `.venv/bin/python deploy/grafana/dashboards.py` writes them anew."""
    texts = runpy.run_path(str(DEPLOY / "grafana" / "dashboards.py"))["texts"]()
    assert {file.name: file.read_text() for file in DASHBOARDS} == texts
    assert len(texts) == 3


def test_all_metrics_are_on_a_dashboard_or_in_a_rule() -> None:
    promql = RULES.read_text() + "".join("\n".join(expressions(json.loads(file.read_text()))) for file in DASHBOARDS)
    unused = [listed.name for listed in names.everything() if not listed.samples & asked(promql)]
    assert unused == []
