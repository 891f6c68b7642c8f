"""Summaries read again only what has changed, and are what a fresh reading says."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.stories import NOW, a_scale_set, publish
from upgrades.commands.upgrades import start
from upgrades.core.summary import summary, table_row
from upgrades.feed.summaries import Summaries
from upgrades.models import ScaleSet
from upgrades.orchestrator.reconcile import reconcile

pytestmark = pytest.mark.django_db


def told(summaries: Summaries) -> Any:
    rows = summaries.all()
    return summary(rows, NOW), [table_row(row, NOW) for row in rows]


def test_kept_summaries_equal_a_fresh_reading() -> None:
    rows = [a_scale_set(name, instances=3) for name in ("web", "db")]
    publish("1.0.9")
    kept = Summaries()
    steps: list[Callable[[], object]] = [
        lambda: start("fleet/web", "ada", NOW),
        lambda: [reconcile(row.pk, lambda: NOW) for row in rows],
        lambda: a_scale_set("more", instances=1),
        lambda: ScaleSet.objects.get(key="fleet/db").delete(),
    ]
    seen = [told(kept)]
    for step in steps:
        step()
        seen.append(told(kept))
        assert seen[-1] == told(Summaries())
    assert len({str(each) for each in seen}) >= 4, "the steps change too little"


def test_a_board_is_not_read_again_while_nothing_changes(django_assert_num_queries: Any) -> None:
    row, other = (a_scale_set(name, instances=1) for name in ("web", "db"))
    kept = Summaries()
    with django_assert_num_queries(2):
        kept.all()
    with django_assert_num_queries(1):
        first = kept.all()
    reconcile(row.pk, lambda: NOW)
    with django_assert_num_queries(2):
        second = kept.all()
    assert second[0] is first[0], "db has not changed"
    assert (second[1].key, first[1].board) == (row.key, None)
    assert second[1].board
    assert other.key == second[0].key
