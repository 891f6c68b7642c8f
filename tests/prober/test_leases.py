"""Who probes which scale set, while others write the same rows."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.stories import NOW, a_scale_set, at_once
from upgrades.models import ScaleSet
from upgrades.orchestrator import schedule
from upgrades.prober import leases, write_back

TIMES = 20
SETS = 20


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_ticks_and_probers_never_wait_for_each_other_in_a_circle() -> None:
    """Found by stopping PostgreSQL: "deadlock detected" in a tick. Rows are locked in ascending order by all."""
    ids = [a_scale_set(f"set{number}", instances=1).pk for number in range(SETS)]
    # A row's place on the disk changes with each write: they come in any order, unless one is asked for.
    ScaleSet.objects.filter(pk=ids[0]).update(seq=1)

    def often(act: Callable[[], object]) -> Callable[[], None]:
        def again_and_again() -> None:
            for _ in range(TIMES):
                act()

        return again_and_again

    def tick() -> None:
        ScaleSet.objects.filter(pk=ids[-1]).update(reconcile_at=NOW)
        schedule.due_scale_sets(NOW + timedelta(minutes=5))

    done = at_once(
        often(tick),
        often(tick),
        often(lambda: leases.claim("one")),
        often(lambda: leases.claim("one")),
        often(lambda: write_back.write_probed_at(dict.fromkeys(ids, NOW), NOW)),
        often(lambda: leases.give_back("one")),
    )
    assert done == [None] * 6
