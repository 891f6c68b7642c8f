"""What SQL counts of many scale sets at once is what core counts of each, whatever the rows are."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.rows import EACH, a_running_upgrade, instances
from tests.stories import NOW
from upgrades import history, provisioning_status
from upgrades.core import provisioning, standing
from upgrades.core.states import InstanceUpgradeState
from upgrades.models import ScaleSet
from upgrades.orchestrator.observe import observe

pytestmark = pytest.mark.django_db


class Counts(TestCase):
    @settings(max_examples=40)
    @example(drawn=EACH, surge=InstanceUpgradeState.SUCCEEDED, more=0, is_leaving=False)
    @given(
        drawn=st.lists(instances(), min_size=0, max_size=8),
        surge=st.sampled_from([None, *InstanceUpgradeState]),
        more=st.integers(-2, 2),
        is_leaving=st.sampled_from([False, False, False, True]),
    )
    def test_the_database_counts_as_core_does(
        self, drawn: list[dict[str, Any]], surge: InstanceUpgradeState | None, more: int, is_leaving: bool
    ) -> None:
        row, _ = a_running_upgrade(drawn, surge=surge if drawn else None)
        ScaleSet.objects.filter(pk=row.pk).update(capacity=max(0, len(drawn) + more), deleting=is_leaving)
        row.refresh_from_db()
        facts = observe(row.pk, NOW).facts
        assert history.standings([row], NOW)[row.pk] == standing.standing(facts)
        found, failed = provisioning.counts_of(facts), provisioning.without_machine(facts)
        if not is_leaving:
            empty = provisioning.InstanceCounts()
            assert provisioning_status.counts_of([row.pk], NOW).get(row.pk, empty) == found
        expected = provisioning.provisioning_status(row.capacity, found, failed, is_being_deleted=is_leaving)
        assert provisioning_status.provisioning_status([row], NOW)[row.pk] == expected
