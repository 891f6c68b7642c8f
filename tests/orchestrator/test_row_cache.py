"""What a worker knows of a scale set is refreshed from the events since then: always the same as reading everything, for less.

All tests that drive a `Fleet`, and the model, have a row cache that is compared with the database each time (checked_cache.py).
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.prober.test_probe_targets import be_edited, change_often, come_back, fall_ill, get_busy, go, lose_events
from tests.stories import FIRST_VERSION, NOW, UBUNTU, a_batch, a_scale_set, publish
from upgrades.commands.images import withdraw_image
from upgrades.commands.opt_outs import opt_out
from upgrades.commands.protection import protect
from upgrades.core.facts import ImageReference
from upgrades.core.states import InstanceUpgradeState, StartedBy
from upgrades.models import Instance, RollingUpgrade, ScaleSet
from upgrades.orchestrator import row_cache
from upgrades.orchestrator.observe import Observation, observe
from upgrades.orchestrator.reconcile import reconcile
from upgrades.orchestrator.row_cache import MAX_AGE_SECONDS, RowCache

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(seconds=1)


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def be_opted_out(row: ScaleSet) -> None:
    opt_out(str(row), ["2"], reason="busy", owner="ann", now=LATER, for_ever=True)


def be_kept(row: ScaleSet) -> None:
    protect(row, 2, from_actions=None, from_scale_in=True, owner="ann", now=LATER)


def be_withdrawn(row: ScaleSet) -> None:
    publish("16.04.9", now=LATER)
    withdraw_image(ImageReference(*UBUNTU, FIRST_VERSION), LATER, by="ann", reason="bad")


def begin_a_batch(row: ScaleSet) -> None:
    a_batch(an_upgrade(row), {1: InstanceUpgradeState.UPGRADING, 4: InstanceUpgradeState.QUEUED}, now=LATER)


def an_upgrade(row: ScaleSet) -> RollingUpgrade:
    target = ImageReference(*UBUNTU, "16.04.9")
    return RollingUpgrade.begin(
        row, target, StartedBy.PLATFORM, NOW, policy=row.policy, lasts_at_most=timedelta(hours=1)
    )


def go_on_in_a_batch(row: ScaleSet) -> None:
    begin_a_batch(row)
    observed(row, MEMORY[0])
    upgrade = row.upgrades.get()
    a_batch(upgrade, {2: InstanceUpgradeState.ROLLED_BACK}, number=2, now=LATER)


MEMORY: list[RowCache] = []


def observed(row: ScaleSet, cache: RowCache | None = None) -> Observation:
    return observe(row.pk, LATER, cache)


@pytest.mark.parametrize(
    "happens",
    [
        *(fall_ill, get_busy, come_back, go, be_edited, lose_events, change_often),
        *(be_opted_out, be_kept, be_withdrawn, begin_a_batch, go_on_in_a_batch),
    ],
    ids=lambda change: change.__name__,
)
def test_cached_rows_equal_rows_read_anew(happens: Callable[[ScaleSet], None]) -> None:
    row, cache = a_scale_set(instances=8), RowCache()
    MEMORY[:] = [cache]
    before = observed(row, cache)
    happens(row)
    after = observed(row, cache)
    assert after.facts == observed(row).facts
    assert after.seq > before.seq


def test_only_the_rows_that_changed_are_read() -> None:
    row, cache = a_scale_set(instances=50), RowCache()
    before = observed(row, cache)
    fall_ill(row)
    after = observed(row, cache)
    assert (
        sum(first is second for first, second in zip(before.facts.instances, after.facts.instances, strict=True)) == 48
    )


def test_an_opt_out_that_is_replaced_by_the_same_is_as_old_as_the_new_one() -> None:
    row, cache = a_scale_set(instances=4), RowCache()
    be_opted_out(row)
    observed(row, cache)
    later = LATER + timedelta(hours=1)
    opt_out(str(row), ["2"], reason="busy", owner="ann", now=later, for_ever=True)
    held = observed(row, cache).facts.instances[2].opt_out
    assert held and held.since == later


def test_a_recreated_scale_set_with_the_same_id_is_read_anew() -> None:
    """As after a backup was put back: what is known was of rows that are no longer there."""
    row, cache = a_scale_set(instances=2), RowCache()
    observed(row, cache)
    Instance.objects.filter(scale_set=row, number=1).update(version="16.04.7")
    ScaleSet.objects.filter(pk=row.pk).update(stream="00000000-0000-0000-0000-000000000007")
    assert observed(row, cache).facts == observed(row).facts


def test_an_older_seq_is_read_anew() -> None:
    row, cache = a_scale_set(instances=2), RowCache()
    observed(row, cache)
    Instance.objects.filter(scale_set=row, number=1).update(version="16.04.7")
    ScaleSet.objects.filter(pk=row.pk).update(seq=row.seq - 1)
    assert observed(row, cache).facts == observed(row).facts


def test_changes_without_an_event_are_seen_after_a_while() -> None:
    clock = Clock()
    row, cache = a_scale_set(instances=2), RowCache(clock)
    observed(row, cache)
    Instance.objects.filter(scale_set=row, number=1).update(version="16.04.7")
    clock.at += MAX_AGE_SECONDS
    assert observed(row, cache).facts == observed(row).facts


def test_only_the_last_scale_sets_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_cache, "MAX_SCALE_SETS", 2)
    row, cache = a_scale_set(instances=2), RowCache()
    for scale_set in (row, a_scale_set("second", instances=1), a_scale_set("third", instances=1)):
        observed(scale_set, cache)
    Instance.objects.filter(scale_set=row, number=1).update(version="16.04.7")
    assert observed(row, cache).facts == observed(row).facts


def test_the_statements_of_a_reconcile_do_not_grow_with_unchanged_rows() -> None:
    def statements(name: str, instances: int) -> int:
        row, cache = a_scale_set(name, instances=instances), RowCache()
        reconcile(row.pk, lambda: LATER, cache=cache)
        fall_ill(row)
        with CaptureQueriesContext(connection) as asked:
            reconcile(row.pk, lambda: LATER, cache=cache)
        return len(asked)

    assert statements("few", 8) == statements("many", 60)
