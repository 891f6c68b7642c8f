"""Who is to be taken, and who stays: SQL counts over many sets, and says what core says, whatever the rows are."""

from itertools import product
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.rows import EACH, a_running_upgrade, instances, turn, without_overdue_opt_outs
from tests.stories import NOW
from upgrades.core.progress import progress_of
from upgrades.core.states import InstanceUpgradeState, StartedBy, UpgradeKind
from upgrades.models import Instance, RollingUpgrade, ScaleSet
from upgrades.models.instance import staying
from upgrades.orchestrator.observe import observe

pytestmark = pytest.mark.django_db

# Every kind of upgrade there is looks at each set of rows: a fault in one of them does not wait for the draw that finds it.
SWITCHES = ("only_failed", "takes_failed", "takes_newer")
OF_IMAGES: list[dict[str, Any]] = [
    {"started_by": by, **dict(zip(SWITCHES, values, strict=True))}
    for by, values in product(StartedBy, product((False, True), repeat=3))
]
OF_EXTENSIONS: list[dict[str, Any]] = [{"started_by": by, "kind": UpgradeKind.EXTENSIONS} for by in StartedBy]


class WhoIsNext(TestCase):
    @settings(max_examples=15)
    @example(drawn=EACH, withdrawn=False, surge=None)
    @example(drawn=EACH, withdrawn=True, surge=InstanceUpgradeState.UPGRADING)
    @given(
        drawn=st.lists(instances(), min_size=1, max_size=6),
        withdrawn=st.booleans(),
        surge=st.sampled_from([None, None, InstanceUpgradeState.UPGRADING, InstanceUpgradeState.SUCCEEDED]),
    )
    def test_the_database_counts_the_instances_that_core_would_take(
        self, drawn: list[dict[str, Any]], withdrawn: bool, surge: InstanceUpgradeState | None
    ) -> None:
        row, upgrade = a_running_upgrade(without_overdue_opt_outs(drawn), surge=surge, withdrawn=withdrawn)
        for kind in (*OF_IMAGES, *OF_EXTENSIONS):
            turn(upgrade, **kind)
            _is_as_core_says(row, kind)


def _is_as_core_says(row: ScaleSet, kind: dict[str, Any]) -> None:
    facts = observe(row.pk, NOW).facts
    assert facts.upgrade
    assert RollingUpgrade.objects.get(scale_set=row).progress() == progress_of(facts, facts.upgrade), kind
    stay = Instance.objects.filter(staying(), scale_set=row).order_by("number").values_list("number", flat=True)
    assert list(stay) == sorted(instance.id for instance in facts.staying)
